// Runs command lines in one process, one after the other, and tells what each said and ended with.
import { main } from '../../packages/cli/dist/main.js'

let said = ''
const keep = (text) => {
  said += text
  return true
}
const real = process.stderr.write.bind(process.stderr)
process.stdout.write = () => true
process.stderr.write = keep

process.on('message', async (words) => {
  said = ''
  try {
    process.send({ code: await main(words), said })
  } catch (error) {
    real(`${error.stack}\n`)
    process.exit(99)
  }
})
