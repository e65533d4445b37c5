import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { type RandomStream, readVolume } from '@voxnorm/data'
import { extend, type Mutation, mutateBytes, mutateText, truncate } from './mutate.ts'
import { type ScanFile, scanFiles, VOXEL } from './scan.ts'

/** A file to be damaged and the command that then has to cope with it. */
export interface Target {
  readonly name: string
  /** Exit codes that are right for a damaged file; 0 only with the result of the whole one, or a warning. */
  readonly codes: readonly number[]
  /** Puts everything but the file into a folder, which the command runs on. */
  readonly prepare: (folder: string) => void
  /** Where the file goes, relative to that folder. */
  readonly file: string
  readonly whole: Uint8Array
  readonly mutate: (random: RandomStream) => Mutation
  /** The words of the command; its outputs belong into `out`. */
  readonly words: (folder: string, out: string) => readonly string[]
  /** Whether nothing in the file could tell that this change is one: any result is then right. */
  readonly unnoticeable?: (mutation: Mutation) => boolean
}

const WINDOWS = ['--window', '16', '--stride', '16', '--grid', 'native']

/** Everything that is damaged. `model` is a folder with a trained model. */
export function targets(model: string): Target[] {
  const scans = scanFiles()
  const plain = scans[0].files[0]!
  const predict = (input: string, out: string, from = model) =>
    ['predict', '-m', from, '-i', input, '-o', out, ...WINDOWS] as const
  return [
    ...scans.map((scan) => scanTarget(scan, predict)),
    {
      name: 'gzip',
      codes: [65],
      prepare: () => {},
      file: 'scan.nii.gz',
      whole: new Uint8Array(gzipSync(plain)),
      mutate: (random) => mutateFile(new Uint8Array(gzipSync(plain)), Number.POSITIVE_INFINITY, random),
      words: (folder, out) => predict(path.join(folder, 'scan.nii.gz'), out),
    },
    textTarget('sidecar', [], 'bids/sub-2/anat/sub-2_T1w.json', SIDECAR, writeBids, (folder, out) =>
      predict(path.join(folder, 'bids'), out),
    ),
    textTarget('participants', [], 'bids/participants.tsv', PARTICIPANTS, writeBids, (folder, out) =>
      predict(path.join(folder, 'bids'), out),
    ),
    {
      ...textTarget('table', [1, 64, 65, 66], 'dataset.tsv', TABLE, writeScans, (folder, out) =>
        predict(path.join(folder, 'dataset.tsv'), out),
      ),
      // A table without one of its rows is a whole table of fewer subjects.
      unnoticeable: ({ what }) => what.startsWith('without line'),
    },
    // The table that the config names is not there, so a config that can be read ends with 66.
    textTarget(
      'config',
      [64, 65, 66],
      'config.yaml',
      CONFIG,
      () => {},
      (folder, out) => ['train', path.join(folder, 'config.yaml'), '-o', out],
    ),
    modelTarget(readFileSync(path.join(model, 'model.safetensors')), model, predict),
  ]
}

/** The numbers of every image below a folder, by its name and without its header: two equal results are equal here. */
export function resultsIn(folder: string): ReadonlyMap<string, string> {
  if (!existsSync(folder)) return new Map()
  const images = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.nii.gz'),
  )
  return new Map(
    images.map((name) => {
      const { data } = readVolume(readFileSync(path.join(folder, name)), { name })
      return [path.basename(name), createHash('sha256').update(data).digest('hex')]
    }),
  )
}

type Predict = (input: string, out: string, model?: string) => readonly string[]

function scanTarget({ format, names, files, headerSize, saidOnce }: ScanFile, predict: Predict): Target {
  const [name, second] = names
  const whole = files[0]!
  return {
    name: format,
    codes: [65],
    prepare: (folder) => {
      if (second !== undefined) writeFileSync(path.join(folder, second), files[1]!)
    },
    file: name,
    whole,
    mutate: (random) => mutateFile(whole, headerSize, random),
    words: (folder, out) => predict(path.join(folder, name), out),
    unnoticeable: ({ changed }) =>
      changed.some((at) => saidOnce.some(([start, end]) => at >= start && at < end)),
  }
}

/** A changed text may still be a right one; what it says of the subjects has then to be done, or refused. */
function textTarget(
  name: string,
  codes: readonly number[],
  file: string,
  text: string,
  prepare: Target['prepare'],
  words: Target['words'],
): Target {
  return {
    name,
    codes,
    prepare,
    file,
    whole: new TextEncoder().encode(text),
    mutate: (random) => mutateText(text, random),
    words,
  }
}

function modelTarget(whole: Uint8Array, model: string, predict: Predict): Target {
  const headerSize = 8 + Number(new DataView(whole.buffer, whole.byteOffset).getBigUint64(0, true))
  return {
    name: 'model',
    codes: [65],
    prepare: (folder) => {
      writeScans(folder)
      mkdirSync(path.join(folder, 'model'))
      writeFileSync(path.join(folder, 'model/model.json'), readFileSync(path.join(model, 'model.json')))
    },
    file: 'model/model.safetensors',
    whole,
    mutate: (random) => mutateFile(whole, headerSize, random),
    words: (folder, out) => predict(path.join(folder, 'a.nii'), out, path.join(folder, 'model')),
  }
}

/** Half of the time bytes of the header are changed, a quarter each the file is cut off or extended. */
function mutateFile(whole: Uint8Array, headerSize: number, random: RandomStream): Mutation {
  const kind = random.integer(4)
  if (kind === 0) return truncate(whole, random)
  return kind === 1 ? extend(whole, random) : mutateBytes(whole, Math.min(headerSize, whole.length), random)
}

function writeScans(folder: string): void {
  const [{ files }] = scanFiles()
  for (const name of ['a', 'b', 'c']) writeFileSync(path.join(folder, `${name}.nii`), files[0]!)
}

function writeBids(folder: string): void {
  const [{ files }] = scanFiles()
  const root = path.join(folder, 'bids')
  for (const id of ['sub-1', 'sub-2']) {
    mkdirSync(path.join(root, id, 'anat'), { recursive: true })
    writeFileSync(path.join(root, id, 'anat', `${id}_T1w.nii`), files[0]!)
    writeFileSync(path.join(root, id, 'anat', `${id}_T1w.json`), SIDECAR)
  }
  writeFileSync(path.join(root, 'participants.tsv'), PARTICIPANTS)
}

/** Empties a folder, and makes it where it is not there. */
export function emptyFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

const SIDECAR = `{
  "InstitutionName": "Ward 7",
  "Manufacturer": "Example",
  "MagneticFieldStrength": 1.5,
  "EchoTime": 0.00298
}
`

const PARTICIPANTS = 'participant_id\tage\tsite\nsub-1\t31\toslo\nsub-2\t64\tbonn\n'

const TABLE =
  'participant_id\tsite\tT1w\tsplit\ns1\toslo\ta.nii\ttest\ns2\toslo\tb.nii\ttest\ns3\tbonn\tc.nii\ttest\n'

const CONFIG = `preset: tiny
seed: 3
data: { table: not-here.tsv, patch: 16, voxelSize: ${VOXEL} }
loss:
  lambda: 0.2
  classWeights: { BG: 0.1, CSF: 0.4, GM: 0.25, WM: 0.25 }
train:
  epochs: 2
  timeLimit: 10m
`
