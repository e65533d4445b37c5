import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Log, OpenDevice } from '@voxnorm/pipeline'
import { PRESETS, toTraining } from '@voxnorm/pipeline/training'
import { type Capabilities, DeviceError, input, KernelError, type Tensor } from '@voxnorm/tensor'
import { conv3dCase, problemOf, type Tuned } from '@voxnorm/tensor/tuning'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { formatTable, parseTable, rowFor } from '../src/tuning/table.ts'
import { openTuner } from '../src/tuning/tuner.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-tuner-'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'cache'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})
const cache = () => path.join(folder, 'cache', 'voxnorm', 'tuning', 'some-gpu.json')

const capabilities: Capabilities = {
  adapter: 'driver 1.0',
  software: false,
  subgroupSize: 32,
  features: new Set(['subgroups', 'timestamp-query']),
  matrices: null,
  limits: {
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
    maxComputeWorkgroupStorageSize: 16_384,
    maxComputeInvocationsPerWorkgroup: 256,
  },
}
const deviceWith = (changed: Partial<Capabilities> = {}, software = false) =>
  ({
    name: 'Some GPU',
    software,
    runtime: { capabilities: { ...capabilities, ...changed } },
  }) as unknown as OpenDevice

const convolution = (inputs: number): Tensor => {
  const { inputs: operands, build } = conv3dCase('conv3d', {
    kernel: 3,
    stride: 1,
    padding: 1,
    mode: 'zero',
    batch: 2,
    size: [8, 8, 8],
    inputs,
    outputs: 16,
  })
  return build(operands.map(({ spec }, index) => input(`x${index}`, spec)))
}
const [narrow, wide] = [convolution(4), convolution(32)]

const BEST = 'gemm/64x64-4x4-depth8-buffers2-shares8'
const found: Tuned = {
  best: { way: BEST, milliseconds: 1.23456 },
  runnerUp: { way: 'blocks', milliseconds: 1.5 },
  rule: { way: 'gemm', milliseconds: 2 },
  refused: [{ way: 'lanes', error: new KernelError('conv3d.lanes', 'element 3 is 1, should be 2') }],
}

/** A tuner whose measurements find `result`, and everything that it said and measured. */
function tunerWith(
  given: {
    readonly device?: OpenDevice
    readonly deterministic?: boolean
    readonly resumed?: string
    readonly result?: Tuned | Error
    readonly stopAfter?: number
  } = {},
) {
  const { device = deviceWith(), deterministic = false, resumed, result = found, stopAfter } = given
  const said: string[] = []
  const measured: string[] = []
  const note = (_event: string, message: string) => void said.push(message)
  const tuner = openTuner(
    {
      config: { train: { ...PRESETS.tiny.train, deterministic } },
      device,
      resumed,
      log: { info: note, warning: note, progress: () => {}, endProgress: () => {} } as unknown as Log,
      stop: {
        throwIfStopped: (done) => {
          if (measured.length === stopAfter) throw new Error(done)
        },
      },
    },
    async (_, tensor) => {
      measured.push(problemOf(tensor))
      if (result instanceof Error) throw result
      return result
    },
  )
  return { tuner, said, measured }
}

describe('the tuner of a training', () => {
  it('does not exist for deterministic trainings, which is how every preset trains, nor on software renderers', () => {
    expect(tunerWith({ deterministic: true }).tuner).toBeUndefined()
    expect(Object.values(PRESETS).every(({ train }) => train.deterministic)).toBe(true)
    const { tuner, said } = tunerWith({ device: deviceWith({}, true) })
    expect(tuner).toBeUndefined()
    expect(said).toEqual(['Some GPU is a software renderer: its kernels are chosen by rule'])
    expect(existsSync(cache())).toBe(false)
  })

  it('measures every problem once, says what is wrong, and leaves other ops alone', async () => {
    const { tuner, said, measured } = tunerWith()
    const tuned = await tuner!.tune([narrow, wide, convolution(4), narrow.inputs[0]!])
    expect(measured).toEqual([problemOf(narrow), problemOf(wide)])
    expect(tuned(convolution(32))).toBe(BEST)
    expect(tuned(convolution(8))).toBeUndefined()
    expect(said).toEqual([
      'not used: kernel conv3d.lanes: element 3 is 1, should be 2',
      'not used: kernel conv3d.lanes: element 3 is 1, should be 2',
      'kernels of 2 shapes chosen by measurement, 2 of them measured now',
    ])
  })

  it('records its choice with one row a line, sorted, and reads it back', async () => {
    const { tuner } = tunerWith()
    await tuner!.tune([wide, narrow])
    const text = tuner!.table()
    const rows = text.split('\n').filter((line) => line.startsWith('{"problem"'))
    expect(rows.map((line) => JSON.parse(line.replace(/,$/, '')).problem)).toEqual(
      [problemOf(narrow), problemOf(wide)].sort(),
    )
    expect(JSON.parse(rows[0]!.replace(/,$/, ''))).toMatchObject({
      kernel: BEST,
      ms: 1.235,
      runnerUp: 'blocks',
      runnerUpMs: 1.5,
      rule: 'gemm',
      ruleMs: 2,
      refused: ['lanes'],
    })
    const table = parseTable(text)!
    expect(table).toMatchObject({
      adapter: 'Some GPU',
      driver: 'driver 1.0',
      features: ['subgroups', 'timestamp-query'],
    })
    expect(table.engine).toMatch(/^webgpu \d/)
    expect(formatTable(table)).toBe(text)
    // What is kept for the next training is the same.
    expect(readFileSync(cache(), 'utf8')).toBe(text)
  })

  it('does not measure again what a training before has measured, even one that was stopped', async () => {
    await expect(tunerWith({ stopAfter: 1 }).tuner!.tune([narrow, wide])).rejects.toThrow(
      'the training has not begun',
    )
    const { tuner, measured } = tunerWith()
    expect((await tuner!.tune([narrow, wide]))(narrow)).toBe(BEST)
    expect(measured).toEqual([problemOf(wide)])
  })

  it('measures again with another driver or other features', async () => {
    await tunerWith().tuner!.tune([narrow])
    for (const changed of [{ adapter: 'driver 1.1' }, { features: new Set(['subgroups']) }]) {
      const { tuner, measured } = tunerWith({ device: deviceWith(changed) })
      await tuner!.tune([narrow])
      expect(measured).toEqual([problemOf(narrow)])
    }
  })

  it('ignores rows of kernels that have changed since', async () => {
    await tunerWith().tuner!.tune([narrow, wide])
    const text = readFileSync(cache(), 'utf8')
    const table = parseTable(text)!
    const row = rowFor(table, narrow, deviceWith())!
    writeFileSync(cache(), text.replace(row.fingerprint, '00000000'))
    const { tuner, measured } = tunerWith()
    await tuner!.tune([narrow, wide])
    expect(measured).toEqual([problemOf(narrow)])
  })

  it('goes on with the kernels that a resumed run began with, whatever was measured since', async () => {
    const before = tunerWith()
    await before.tuner!.tune([narrow, wide])
    writeFileSync(path.join(folder, 'tuning.json'), before.tuner!.table())
    writeFileSync(cache(), before.tuner!.table().replaceAll(`"kernel":"${BEST}"`, '"kernel":"blocks"'))
    const { tuner, said, measured } = tunerWith({ resumed: folder })
    expect((await tuner!.tune([narrow, wide]))(wide)).toBe(BEST)
    expect(measured).toEqual([])
    expect(said).toEqual(['kernels of 2 shapes chosen by measurement, 0 of them measured now'])
    expect(tuner!.table()).toBe(before.tuner!.table())
    expect((await tunerWith().tuner!.tune([wide]))(wide)).toBe('blocks')
  })

  it('says so when a resumed run cannot go on with its kernels', async () => {
    const before = tunerWith()
    await before.tuner!.tune([narrow])
    writeFileSync(path.join(folder, 'tuning.json'), before.tuner!.table())
    const { tuner, said } = tunerWith({ resumed: folder, device: deviceWith({ adapter: 'driver 1.1' }) })
    await tuner!.tune([narrow])
    expect(said[0]).toMatch(/not those that this run began with/)
  })

  it('stays with the rule where there is no room, and records that for the run alone', async () => {
    const full = new DeviceError('out-of-memory', 'no room')
    const { tuner, said } = tunerWith({ result: full })
    expect((await tuner!.tune([wide]))(wide)).toBe('gemm')
    expect(said[0]).toBe(`no room to measure ${problemOf(wide)}: its kernel is chosen by rule`)
    expect(parseTable(tuner!.table())!.rows).toMatchObject([{ kernel: 'gemm', ms: null, rule: 'gemm' }])
    expect(existsSync(cache())).toBe(false)
    const lost = tunerWith({ result: new DeviceError('lost', 'the device was lost') })
    await expect(lost.tuner!.tune([wide])).rejects.toThrow('the device was lost')
  })

  it('leaves files that are no tables out of account, and does without a place for its own', async () => {
    await tunerWith().tuner!.tune([narrow])
    writeFileSync(cache(), '{"adapter": 3}')
    const { tuner, said, measured } = tunerWith()
    await tuner!.tune([narrow])
    expect(said[0]).toBe(`${cache()} is no table of kernels: it is left out of account`)
    expect(measured).toHaveLength(1)
    writeFileSync(path.join(folder, 'file'), '')
    vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'file'))
    const other = tunerWith()
    expect((await other.tuner!.tune([narrow]))(narrow)).toBe(BEST)
    expect(other.said.some((line) => line.startsWith('measurements are not kept: '))).toBe(true)
  })
})

describe('train.deterministic', () => {
  it('is no part of what a checkpoint is compared by', () => {
    expect(toTraining(PRESETS.tiny).train).not.toHaveProperty('deterministic')
  })
})
