// Loaded before the program: the disk has room for small writes only.
const fs = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')

const ROOM = 4000
const { writeSync } = fs

function full() {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
}
fs.writeSync = (descriptor, bytes, ...rest) => {
  if (bytes.length <= ROOM) return writeSync(descriptor, bytes, ...rest)
  // As a real disk does, it takes what fits before it fails.
  writeSync(descriptor, bytes.subarray(0, ROOM))
  throw full()
}
syncBuiltinESMExports()
