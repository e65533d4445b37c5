// npm run demo: from a fresh checkout to a trained model, predictions, scores and a report, all under runs/demo.
// `--seed N` makes another dataset and another training; other words go to train (`-- --set train.timeLimit=1m`).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root, run, setup } from './setup.mjs'

const words = process.argv.slice(2)
const seed = words.includes('--seed') ? words[words.indexOf('--seed') + 1] : '1'
const folder = join(root, 'runs', 'demo')
const dataset = join(folder, 'dataset')
const table = join(dataset, 'dataset.tsv')
const config = join(folder, 'config.yaml')
const model = join(folder, 'run')
const device = words.includes('--device') ? ['--device', words[words.indexOf('--device') + 1]] : []

if (!setup()) process.exit(1)
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
voxnorm('synth', dataset, '--sites', 'adult,adult-bright', '--subjects', '6', '--seed', seed)
writeFileSync(
  config,
  `preset: voxnorm
seed: ${seed}
data: { table: dataset/dataset.tsv }
train: { epochs: 10, iterationsPerEpoch: 45 }
`,
)
// No time limit: on a slow machine it would end the training before the model is any good.
voxnorm('train', config, '-o', model, ...words)
const training = trainingOf(model)
const scores = scoresOf('normalised')
voxnorm('report', join(folder, 'normalised'))

console.log(`\n${training}`)
console.log('Dice of a test subject of each site, which training never saw:')
for (const [site, dice] of scores) console.log(`  ${site.padEnd(14)} ${dice.toFixed(3)}`)
for (const page of [join(model, 'report.html'), join(folder, 'normalised', 'group.html')]) {
  console.log(`open ${relative(process.cwd(), page)}`)
}

/** How long a run has trained, in a sentence. */
function trainingOf(run) {
  const steps = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === 'step')
  const minutes = (steps.at(-1).time / 60).toFixed(1)
  return `Trained ${steps.length} iterations in ${minutes} minutes.`
}

/** Predicts the test subjects of the dataset into a folder of their own; mean Dice of the tissues by site. */
function scoresOf(name) {
  const out = join(folder, name)
  voxnorm('predict', '-m', model, '-i', table, '-o', out, ...device)
  voxnorm('evaluate', '-i', out, '--reference', table)
  const [header, ...rows] = readFileSync(join(out, 'segmentation.tsv'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
  const [site, dice] = [header.indexOf('site'), header.indexOf('dice')]
  const sites = [...new Set(rows.map((row) => row[site]))]
  return new Map(
    sites.map((key) => {
      const own = rows.filter((row) => row[site] === key)
      return [key, own.reduce((sum, row) => sum + Number(row[dice]), 0) / own.length]
    }),
  )
}

/** Runs one command of the program, shown as a user would type it; stops the demo where it fails. */
function voxnorm(...args) {
  const shown = args.map((word) => (word.startsWith(root) ? relative(root, word) : word))
  console.log(`\n$ voxnorm ${shown.join(' ')}`)
  const status = run(process.execPath, [join(root, 'packages', 'cli', 'bin', 'voxnorm.js'), ...args])
  if (status !== 0) process.exit(status)
}
