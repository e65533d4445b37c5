import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openOneProcess } from './one-process.ts'

const program = path.resolve('packages/cli/bin/voxnorm.js')
const fullDisk = path.resolve('test/e2e/full-disk.cjs')

/** Whether the packages were built; `npm test` builds them first. */
export const built = existsSync('packages/cli/dist/main.js')

/** What a finished command left behind. */
export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs one command line in a folder to its end. */
export function voxnorm(folder: string, ...words: readonly string[]): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

/**
 * Command lines one after the other in one process, which compiles every kernel once: for tests of what commands do, where
 * {@link voxnorm} and {@link voxnormUntil} are for tests of processes.
 */
export function openCommands() {
  const shared = openOneProcess()
  return {
    async voxnorm(folder: string, ...words: readonly string[]): Promise<Finished> {
      const ended = await shared.run(folder, words)
      if (ended.kind !== 'ended') throw new Error(JSON.stringify(ended))
      return ended
    },
    close: () => shared.close(),
  }
}

/** As {@link voxnorm}, on a disk that is almost full. */
export function voxnormOnFullDisk(folder: string, ...words: readonly string[]): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', fullDisk, program, ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

/** Runs one command line and sends it a signal as soon as `when` holds; resolves with the exit code. */
export function voxnormUntil(
  folder: string,
  when: () => boolean,
  signal: NodeJS.Signals,
  ...words: readonly string[]
): Promise<number | null> {
  const child = spawn(process.execPath, [program, ...words], { cwd: folder, stdio: 'ignore' })
  const timer = setInterval(() => {
    if (!when()) return
    clearInterval(timer)
    child.kill(signal)
  }, 5)
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearInterval(timer)
      resolve(code)
    })
  })
}

/** A folder of its own for a test file, with a dataset of two sites and a configuration that trains in seconds. */
export function makeWorkplace(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-e2e-'))
  const made = voxnorm(folder, 'synth', 'data', '--subjects', '3', '--shape', '24,28,22', '--seed', '1')
  if (made.code !== 0) throw new Error(made.err)
  writeFileSync(path.join(folder, 'config.yaml'), CONFIG)
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const CONFIG = `preset: tiny
optim:
  generator: { lr: 1e-3 }
  segmenter: { lr: 1e-3 }
data:
  table: data/dataset.tsv
  patch: 8
  patchesPerSite: 40
  validationPatchesPerSite: 8
  voxelSize: 5.9
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 3, batch: 4, iterationsPerEpoch: 5, discriminatorSteps: 1, warmup: 2 }
`
