// npm run demo: from a fresh checkout to a trained model, predictions, scores and a report, all under runs/demo.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root, run, setup } from './setup.mjs'

const folder = join(root, 'runs', 'demo')
const dataset = join(folder, 'dataset')
const table = join(dataset, 'dataset.tsv')
const config = join(folder, 'config.yaml')
const model = join(folder, 'run')
const predictions = join(folder, 'predictions')

if (!setup()) process.exit(1)
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
voxnorm('synth', dataset, '--seed', '1')
writeFileSync(config, `preset: tiny\nseed: 1\ndata:\n  table: ${JSON.stringify(table)}\n`)
voxnorm('train', config, '-o', model)
voxnorm('predict', '-m', model, '-i', ...testImages(), '-o', predictions)
voxnorm('evaluate', '-i', predictions, '--reference', table, '-o', join(folder, 'scores'))
voxnorm('report', model, predictions)
for (const page of [join(model, 'report.html'), join(predictions, 'group.html')].filter(existsSync)) {
  console.log(`open ${relative(process.cwd(), page)}`)
}

/** Runs one command of the program, shown as a user would type it; stops the demo where it fails. */
function voxnorm(...words) {
  const shown = words.map((word) => (word.startsWith(root) ? relative(root, word) : word))
  console.log(`\n$ voxnorm ${shown.join(' ')}`)
  const status = run(process.execPath, [join(root, 'packages', 'cli', 'bin', 'voxnorm.js'), ...words])
  if (status !== 0) process.exit(status)
}

/** The images that training leaves alone; all of them in a table without splits. */
function testImages() {
  const [header, ...rows] = readFileSync(table, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
  const [image, split] = [header.indexOf('T1w'), header.indexOf('split')]
  const test = rows.filter((row) => split < 0 || row[split] === 'test')
  return (test.length > 0 ? test : rows).map((row) => join(dirname(table), row[image]))
}
