// Runs command lines in one process, one after the other, and tells what each said and ended with. The device stays open
// between them, and with it the kernels that are compiled.
import { main, openDevice } from '../../packages/cli/dist/main.js'

let said = ''
const keep = (text) => {
  said += text
  return true
}
const complain = process.stderr.write.bind(process.stderr)
process.stdout.write = () => true
process.stderr.write = keep

const devices = new Map()
const openOnce = async (name) => {
  if (!devices.has(name)) devices.set(name, await openDevice(name))
  return { ...devices.get(name), close() {} }
}

process.on('message', async (words) => {
  said = ''
  try {
    process.send({ code: await main(words, openOnce), said })
  } catch (error) {
    complain(`${error.stack}\n`)
    process.exit(99)
  }
})
