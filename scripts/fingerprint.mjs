// Prints what a tiny job makes, as SHA-256 of every image, table and model: two checkouts that print the same lines do the
// same. `node scripts/fingerprint.mjs [DEVICE] [CHECKOUT]`; times and the versions in sidecars are left out.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'

const [device = 'SwiftShader', checkout = '.'] = process.argv.slice(2)
const program = resolve(checkout, 'packages/cli/bin/voxnorm.js')
const folder = mkdtempSync(join(tmpdir(), 'voxnorm-fingerprint-'))
const CONFIG = `preset: tiny
optim: { generator: { lr: 1e-3 }, segmenter: { lr: 1e-3 } }
data:
  table: data/dataset.tsv
  patch: 8
  patchesPerSite: 40
  validationPatchesPerSite: 8
  voxelSize: 5.9
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 3, batch: 4, iterationsPerEpoch: 5, discriminatorSteps: 1, warmup: 2 }
`

const run = (...words) =>
  execFileSync(process.execPath, [program, ...words], { cwd: folder, stdio: 'ignore' })
try {
  writeFileSync(join(folder, 'config.yaml'), CONFIG)
  run('synth', 'data', '--subjects', '3', '--shape', '24,28,22', '--seed', '1')
  run('train', 'config.yaml', '-o', 'run', '--device', device)
  run(
    'predict',
    '-m',
    'run',
    '-i',
    'data/dataset.tsv',
    '-o',
    'out',
    '--save-probabilities',
    '--device',
    device,
  )
  run('evaluate', '-i', 'out', '--reference', 'data/dataset.tsv', '-o', 'scores')
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    if (!/\.(tsv|nii\.gz|safetensors)$/.test(name)) continue
    console.log(`${hash(name)}  ${name}`)
  }
} finally {
  rmSync(folder, { recursive: true })
}

function hash(name) {
  return createHash('sha256').update(content(name)).digest('hex')
}

/** Checkpoints say how long they took, and images the version and the hash of the model in their description. */
function content(name) {
  const bytes = readFileSync(join(folder, name))
  if (name.endsWith('.nii.gz')) return gunzipSync(bytes).fill(0, 148, 228)
  if (!name.endsWith('.safetensors')) return bytes
  const length = Number(bytes.readBigUInt64LE())
  const { __metadata__: _, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  return Buffer.concat([Buffer.from(JSON.stringify(tensors)), bytes.subarray(8 + length)])
}
