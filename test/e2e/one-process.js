// Runs command lines in one process, one after the other, and tells what each said and ended with. The device stays open
// between them, and with it the kernels that are compiled.
import { main, openDevice } from '../../packages/cli/dist/main.js'

let said = { out: '', err: '' }
const keep = (stream) => (text) => {
  said[stream] += text
  return true
}
const complain = process.stderr.write.bind(process.stderr)
process.stdout.write = keep('out')
process.stderr.write = keep('err')

const devices = new Map()
const openOnce = async (name) => {
  if (!devices.has(name)) devices.set(name, await openDevice(name))
  return { ...devices.get(name), close() {} }
}

process.on('message', async ({ words, folder }) => {
  said = { out: '', err: '' }
  try {
    process.chdir(folder)
    process.send({ code: await main(words, openOnce), ...said })
  } catch (error) {
    complain(`${error.stack}\n`)
    process.exit(99)
  }
})
