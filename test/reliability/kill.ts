import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { randomStream } from '@voxnorm/data'

const PROGRAM = resolve('packages/cli/bin/voxnorm.js')

// What is tested is in which order files reach the disk, so networks and volumes are as small as they get.
const CONFIG = `preset: tiny
data: { table: data/dataset.tsv, patch: 8, patchesPerSite: 16, validationPatchesPerSite: 8, voxelSize: 10.3 }
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 1, batch: 4, iterationsPerEpoch: 3, discriminatorSteps: 1, warmup: 1 }
`

/** How much is predicted, and how often it is killed. */
export interface KillOptions {
  readonly subjects: number
  readonly kills: number
  /** Seed of the phantoms and of the moments. */
  readonly seed: number
  /** As for `--device`. */
  readonly device: string
}

/** The files of a prediction that nobody disturbed, and its seconds up to the first volume and from there to the end. */
export interface Undisturbed extends Times {
  readonly files: ReadonlyMap<string, Buffer>
}

interface Times {
  readonly starting: number
  readonly working: number
}

type Say = (line: string) => void

/** Makes phantoms and a model in a folder, and predicts them all without a disturbance. Throws when a command fails. */
export async function preparePredictions(
  folder: string,
  { subjects, seed, device }: KillOptions,
  say: Say,
): Promise<Undisturbed> {
  const perSite = Math.ceil(subjects / 2)
  const shape = ['--sites', '2', '--subjects', String(perSite), '--shape', '16,16,16']
  await succeed(folder, 'synth', 'data', ...shape, '--seed', String(seed))
  const rows = readFileSync(join(folder, 'data', 'dataset.tsv'), 'utf8')
    .trimEnd()
    .split('\n')
  // Without splits every subject is predicted. The last column is the split.
  const everyone = rows.slice(0, subjects + 1).map((row) => row.slice(0, row.lastIndexOf('\t')))
  writeFileSync(join(folder, 'data', 'everyone.tsv'), `${everyone.join('\n')}\n`)
  writeFileSync(join(folder, 'config.yaml'), CONFIG)
  await succeed(folder, 'train', 'config.yaml', '-o', 'run', '--device', device)
  const { code, err, starting, working } = await start(folder, predictWords('undisturbed', device)).end
  if (code !== 0) throw new Error(err)
  say(
    `${subjects} subjects predicted undisturbed: ${starting.toFixed(1)} s to the first, ${working.toFixed(1)} s for the others`,
  )
  return { files: filesBelow(join(folder, 'undisturbed')), starting, working }
}

/**
 * Predicts the same subjects, killed (SIGKILL) at random moments and continued each time, and a last time to the end.
 * Resolves with the names that differ from the undisturbed run, at the end or in a subject that counted as finished
 * after a kill, and with how many kills came before everything was done. Throws when a command fails by itself.
 */
export async function killPredictions(
  folder: string,
  undisturbed: Undisturbed,
  { subjects, kills, seed, device }: KillOptions,
  say: Say,
): Promise<{ readonly kills: number; readonly files: number; readonly different: readonly string[] }> {
  const out = join(folder, 'killed')
  const words = [...predictWords('killed', device), '--continue']
  const random = randomStream(seed, 'moments of the kills')
  const different = new Set<string>()
  let killed = 0
  for (let kill = 1; kill <= kills; kill++) {
    // Every fifth kill comes while the command starts. Of the others the last comes, on average, after half the work.
    const early = kill % 5 === 1
    const wait = random.uniform() * (early ? undisturbed.starting : undisturbed.working / kills)
    const command = start(folder, words)
    if (!early) await command.atWork
    await new Promise((done) => setTimeout(done, wait * 1000))
    command.kill()
    const { code, err } = await command.end
    if (code === 0) break
    if (code !== null) throw new Error(err)
    killed++
    const finished = finishedFiles(out)
    for (const name of finished.files) {
      if (!isSame(join(out, name), undisturbed.files.get(name))) different.add(`${name} (after kill ${kill})`)
    }
    const since = early ? 'the start' : 'its first volume'
    say(
      `kill ${kill}, ${wait.toFixed(2)} s after ${since}: ${finished.subjects} of ${subjects} subjects finished`,
    )
  }
  const { code, err } = await start(folder, words).end
  if (code !== 0) throw new Error(err)
  const files = filesBelow(out)
  for (const [name, bytes] of files) if (!undisturbed.files.get(name)?.equals(bytes)) different.add(name)
  for (const name of undisturbed.files.keys()) if (!files.has(name)) different.add(name)
  return { kills: killed, files: files.size, different: [...different].sort() }
}

function predictWords(out: string, device: string): string[] {
  return ['predict', '-m', 'run', '-i', 'data/everyone.tsv', '-o', out, '--stride', '8', '--device', device]
}

interface Ended extends Times {
  /** Null after a kill. */
  readonly code: number | null
  readonly err: string
}

/** Starts a command line; `atWork` resolves when its first volume is done, or when it ends before. */
function start(folder: string, words: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...words, '--log-format', 'json'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let err = ''
  const began = performance.now()
  let first: number | undefined
  let ready = () => {}
  const atWork = new Promise<void>((resolve) => {
    ready = resolve
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    if (first !== undefined || !err.includes('"event":"predicted"')) return
    first = performance.now()
    ready()
  })
  const end = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      ready()
      const now = performance.now()
      const starting = (first ?? now) - began
      resolve({ code, err, starting: starting / 1000, working: (now - began - starting) / 1000 })
    })
  })
  return { atWork, end, kill: () => child.kill('SIGKILL') }
}

async function succeed(folder: string, ...words: readonly string[]): Promise<void> {
  const { code, err } = await start(folder, words).end
  if (code !== 0) throw new Error(err)
}

/** The outputs of the subjects that a prediction folder says are finished. */
function finishedFiles(out: string): { readonly subjects: number; readonly files: readonly string[] } {
  const folder = join(out, 'finished')
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : []
  const records = names
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .filter(({ finished }) => finished)
  return { subjects: records.length, files: records.flatMap(({ files }) => files as string[]) }
}

function isSame(file: string, bytes: Buffer | undefined): boolean {
  return existsSync(file) && bytes !== undefined && readFileSync(file).equals(bytes)
}

/** All files below a folder by their names relative to it. */
function filesBelow(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return new Map(
    files.map((entry) => {
      const file = join(entry.parentPath, entry.name)
      return [file.slice(folder.length + 1), readFileSync(file)]
    }),
  )
}
