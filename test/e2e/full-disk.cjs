// Loaded before the program: the disk has room for small writes only.
const fs = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')

const ROOM = 4000
const { writeSync } = fs
const { writeFile } = fs.promises

function full() {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
}
fs.writeSync = (descriptor, bytes, ...rest) => {
  if (bytes.length > ROOM) throw full()
  return writeSync(descriptor, bytes, ...rest)
}
fs.promises.writeFile = async (file, content, ...rest) => {
  // As a real disk does, it takes what fits before it fails.
  if (content.length <= ROOM) return writeFile(file, content, ...rest)
  await writeFile(file, content.subarray(0, ROOM))
  throw full()
}
syncBuiltinESMExports()
