import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { InputOutputError, OutputError } from '@voxnorm/data'
import { outputFailure, removeTemporaryFiles, writeFileAtomically } from '@voxnorm/data/node'
import { build } from 'esbuild'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config/parse-config.ts'
import { PRESETS } from '../src/config/presets.ts'
import { openDiskSink } from '../src/node/disk.ts'
import { assertFreeForRun } from '../src/node/free-run-folder.ts'
import { openMemorySink } from '../src/storage.ts'
import { openRunFolder } from '../src/training/run-folder.ts'
import { type MetricsLine, readMetrics } from '../src/training/run-records.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-run-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const step = (iteration: number) => ({
  kind: 'step' as const,
  epoch: 0,
  iteration,
  time: iteration / 2,
  'loss.seg': 1 / iteration,
})

describe('writeFileAtomically', () => {
  it('replaces a file and leaves nothing else', () => {
    const file = path.join(folder, 'a.json')
    writeFileAtomically(file, 'one')
    writeFileAtomically(file, 'two')
    expect(readFileSync(file, 'utf8')).toBe('two')
    expect(readdirSync(folder)).toEqual(['a.json'])
  })

  it('says what is wrong with the place', () => {
    writeFileSync(path.join(folder, 'file'), '')
    mkdirSync(path.join(folder, 'folder'))
    expect(() => writeFileAtomically(path.join(folder, 'file', 'a'), '')).toThrow(OutputError)
    expect(() => writeFileAtomically(path.join(folder, 'folder'), '')).toThrow(OutputError)
    expect(() => writeFileAtomically(path.join(folder, 'none', 'a'), '')).toThrow(/does not exist/)
    expect(readdirSync(folder).sort()).toEqual(['file', 'folder'])
  })

  it('tells a full disk (74), a forbidden place (73) and other failures (74) apart', () => {
    const failure = (code: string) => outputFailure(Object.assign(new Error(code), { code }), 'out.bin')
    expect(failure('ENOSPC')).toBeInstanceOf(InputOutputError)
    expect((failure('ENOSPC') as Error).message).toMatch(
      /^out\.bin: the disk is full\.\n {2}fix: free some space/,
    )
    expect(failure('EACCES')).toBeInstanceOf(OutputError)
    expect(failure('ENOTDIR')).toBeInstanceOf(OutputError)
    expect(failure('EROFS')).toBeInstanceOf(OutputError)
    expect((failure('EROFS') as Error).message).toMatch(/the file system is read-only/)
    expect(failure('EDQUOT')).toBeInstanceOf(InputOutputError)
    expect((failure('EDQUOT') as Error).message).toMatch(/your quota on this disk is used up/)
    expect(failure('EIO')).toBeInstanceOf(InputOutputError)
  })
})

function captured(action: () => void): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** As a command opens a run folder. */
function openRun(place: string, options: { readonly resume: boolean }) {
  assertFreeForRun(place, options)
  return openRunFolder(openDiskSink(place))
}
const metricsIn = (place: string) => readMetrics(openDiskSink(place))

describe('openRunFolder', () => {
  it('writes every file of a run and reads its checkpoint back', async () => {
    const run = await openRun(path.join(folder, 'run'), { resume: false })
    await run.writeConfig(PRESETS.tiny)
    await run.writeEnvironment({ node: '20' })
    await run.writeDataset({ sites: ['a', 'b'], modalities: ['T1w'], rows: [] })
    await run.appendMetrics(step(1))
    run.appendLog('hello\n')
    await run.writeCheckpoint('latest', Uint8Array.of(1, 2, 3))
    await run.writeModelFile('model.json', '{}')
    await run.writeFigure('a.json', '{}')
    await run.writeReport('<html>')
    expect([...(await run.readCheckpoint('latest'))!]).toEqual([1, 2, 3])
    expect(await run.readCheckpoint('best')).toBeUndefined()
    const resolved = readFileSync(path.join(folder, 'run', 'config.resolved.yaml'), 'utf8')
    expect(parseConfig(resolved, 'config.resolved.yaml')).toMatchObject({
      preset: 'tiny',
      train: PRESETS.tiny.train,
    })
    expect(readdirSync(path.join(folder, 'run')).sort()).toEqual([
      'checkpoints',
      'config.resolved.yaml',
      'dataset.json',
      'environment.json',
      'figures',
      'log.txt',
      'metrics.jsonl',
      'model',
      'report.html',
    ])
  })

  it('refuses a folder that holds a run, unless it is resumed', async () => {
    const run = await openRun(folder, { resume: false })
    await run.writeConfig(PRESETS.tiny)
    const error = captured(() => assertFreeForRun(folder, { resume: false }))
    expect(error).toBeInstanceOf(OutputError)
    expect((error as OutputError).kind).toBe('output')
    expect((error as OutputError).message).toBe(
      `${folder}: this folder already holds a run.\n  fix: add --resume to continue it, or choose another folder`,
    )
    await openRun(folder, { resume: true })
  })

  it('refuses a folder with something else in it, and a file', () => {
    writeFileSync(path.join(folder, 'thesis.tex'), '')
    expect(() => assertFreeForRun(folder, { resume: false })).toThrow(
      /this folder is not empty \(thesis\.tex\)/,
    )
    expect(() => assertFreeForRun(folder, { resume: true })).toThrow(OutputError)
    expect(() => assertFreeForRun(path.join(folder, 'thesis.tex'), { resume: false })).toThrow(OutputError)
  })

  it('starts a run with --resume when the first try was killed before it wrote anything', async () => {
    await openRun(folder, { resume: false })
    writeFileSync(path.join(folder, '.config.resolved.yaml.123.tmp'), 'pres')
    const run = await openRun(folder, { resume: true })
    assertFreeForRun(folder, { resume: false })
    await run.writeConfig(PRESETS.tiny)
    expect(readdirSync(folder)).not.toContain('.config.resolved.yaml.123.tmp')
  })

  it('drops a torn line, and the lines after the checkpoint, when it resumes', async () => {
    const run = await openRun(folder, { resume: false })
    await run.writeConfig(PRESETS.tiny)
    for (const iteration of [1, 2, 3, 4]) await run.appendMetrics(step(iteration))
    const file = path.join(folder, 'metrics.jsonl')
    appendFileSync(file, '{"kind":"step","epo')
    expect(await metricsIn(folder)).toHaveLength(4)

    const resumed = await openRun(folder, { resume: true })
    expect(readFileSync(file, 'utf8')).toMatch(/\}\n$/)
    await resumed.truncateMetrics(2)
    await resumed.appendMetrics(step(3))
    expect(await metricsIn(folder)).toEqual([step(1), step(2), step(3)])
  })

  it('forgets the validation of an early stop, and keeps that of an epoch', async () => {
    const run = await openRun(folder, { resume: false })
    await run.writeConfig(PRESETS.tiny)
    const other = (kind: MetricsLine['kind'], iteration: number) => ({ ...step(iteration), kind })
    const epoch = [step(1), step(2), other('validation', 2), other('epoch', 2)]
    for (const line of [...epoch, step(3), other('validation', 3)]) await run.appendMetrics(line)
    await run.truncateMetrics(3)
    expect(await metricsIn(folder)).toEqual([...epoch, step(3)])
    await run.truncateMetrics(2)
    expect(await metricsIn(folder)).toEqual(epoch)
  })

  it('tells with the next numbers that a line of the log was lost', async () => {
    const full = { ...openMemorySink(), append: () => Promise.reject(new Error('no room')) }
    const run = await openRunFolder({ ...full, read: async () => new Uint8Array() })
    run.appendLog('hello\n')
    await Promise.resolve()
    expect(() => run.appendMetrics(step(1))).toThrow('no room')
  })

  it('removes temporary files that a kill left behind', async () => {
    const run = await openRun(folder, { resume: false })
    await run.writeConfig(PRESETS.tiny)
    await run.writeCheckpoint('latest', Uint8Array.of(1))
    writeFileSync(path.join(folder, 'checkpoints', '.latest.safetensors.99.tmp'), 'half')
    const resumed = await openRun(folder, { resume: true })
    expect([...(await resumed.readCheckpoint('latest'))!]).toEqual([1])
    await resumed.writeCheckpoint('latest', Uint8Array.of(2))
    expect(readdirSync(path.join(folder, 'checkpoints'))).toEqual(['latest.safetensors'])
  })

  it('leaves only whole files under final names when the process is killed while writing', async () => {
    const file = path.join(folder, 'big.bin')
    const bundle = path.join(folder, 'atomic-file.mjs')
    await build({
      entryPoints: ['packages/data/src/node/atomic-file.ts'],
      outfile: bundle,
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['@voxnorm/source'],
      logLevel: 'error',
    })
    const script = `
      const { writeFileAtomically } = await import(${JSON.stringify(pathToFileURL(bundle).href)})
      process.stdout.write('started')
      for (let i = 1; ; i = (i % 250) + 1) writeFileAtomically(${JSON.stringify(file)}, new Uint8Array(3_000_000).fill(i))
    `
    for (const delay of [5, 23, 61]) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, delay))
      child.kill('SIGKILL')
      await once(child, 'exit')
      if (!existsSync(file)) continue
      const bytes = readFileSync(file)
      expect(bytes.length).toBe(3_000_000)
      expect(bytes.every((byte) => byte === bytes[0])).toBe(true)
    }
    removeTemporaryFiles(folder)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
