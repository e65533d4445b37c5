import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { KERNEL_TARGETS, parseShapes } from '@voxnorm/measuring'
import { type Kernel, textOf } from '@voxnorm/tensor'
import { conv3dCase } from '@voxnorm/tensor/tuning'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { main } from '../src/main.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-bench-'))
afterAll(() => rmSync(folder, { recursive: true }))

let out = ''
let err = ''
beforeEach(() => {
  out = ''
  err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

const SOFTWARE = ['--device', 'software', '--rounds', '2', '--quiet']
const run = (...words: string[]) => main(['bench', ...words, ...SOFTWARE])
const document = () => JSON.parse(out) as Record<string, unknown>[]

/** The op that a bench of the forward convolution looks its kernels up in. */
const { op: convolution } = conv3dCase('conv3d', {
  batch: 1,
  size: [4, 4, 4],
  inputs: 1,
  outputs: 1,
  kernel: 3,
  stride: 1,
  padding: 1,
  mode: 'zero',
})

describe('bench', () => {
  it('gives the rows of the contract, the plain kernel last', async () => {
    expect(await run('conv3d', '--shape', 'size=8,in=4,out=8', '--json')).toBe(0)
    const rows = document()
    expect(new Set(rows.map(({ target }) => target))).toEqual(
      new Set(['conv3d.forward', 'conv3d.input', 'conv3d.weight']),
    )
    const forward = rows.filter(({ target }) => target === 'conv3d.forward')
    expect(forward.at(-1)).toMatchObject({ kernel: 'direct', speedup: 1 })
    expect(forward.filter(({ chosen }) => chosen)).toHaveLength(1)
    for (const row of rows) {
      expect(row).toMatchObject({ case: 'x[1,8,8,8,4] w[3,3,3,4,8]', dtype: 'f32', rounds: 2 })
      expect(row.adapter).toMatch(/\w/)
      expect(row.ms_min).toBeGreaterThan(0)
      expect(row.ms_median).toBeGreaterThanOrEqual(row.ms_min as number)
      expect(row.max_rel_err).toBeGreaterThan(0)
      expect(row.max_rel_err).toBeLessThan(2e-5)
      // Every output is a sum of 27 · 4 products; taps outside count, as everywhere in this field.
      expect((row.gflops as number) * (row.ms_median as number)).toBeCloseTo((2 * 8 ** 3 * 27 * 4 * 8) / 1e6)
      const bytes = 4 * (8 ** 3 * 4 + 8 ** 3 * 8 + 27 * 4 * 8)
      expect((row.gbps as number) * (row.ms_median as number)).toBeCloseTo(bytes / 1e6)
      // At 1 to 60 operations a byte the slower of the two lines is the roof.
      const { gflops, gbps, peak_gflops, peak_gbps, roofline, of_peak } = row as Record<string, number>
      expect(roofline).toBeCloseTo(Math.max(gflops! / peak_gflops!, gbps! / peak_gbps!))
      expect(of_peak).toBeCloseTo(gflops! / peak_gflops!)
    }
  })

  it('times convolutions of upsampled volumes, and counts what they need at low resolution', async () => {
    expect(await run('upconv3d', '--shape', 'size=4,in=2,out=3,mode=zero', '--json')).toBe(0)
    for (const [direction, products] of Object.entries({ forward: 64, input: 27, weight: 27 })) {
      const rows = document().filter(({ target }) => target === `upconv3d.${direction}`)
      expect(rows.at(-1)).toMatchObject({ case: 'x[1,4,4,4,2] w[3,3,3,2,3] zero', kernel: 'direct' })
      for (const { gflops, ms_median } of rows as Record<string, number>[]) {
        expect(gflops! * ms_median!).toBeCloseTo((2 * 4 ** 3 * products * 2 * 3) / 1e6)
      }
    }
  })

  it('times the parts of batch norm and pooling, whole steps and predictions', async () => {
    expect(await run('norm', '--shape', 'size=4,channels=3', '--json')).toBe(0)
    expect(new Set(document().map((row) => row.case))).toEqual(
      new Set(
        ['moments', 'batchNorm', 'batchNormSums', 'batchNormInput'].map((part) => `${part} x[1,4,4,4,3]`),
      ),
    )
    out = ''
    expect(await run('pool', '--shape', 'size=4,channels=3', '--json')).toBe(0)
    expect(new Set(document().map((row) => row.case))).toEqual(
      new Set(['maxPool x[1,4,4,4,3]', 'maxPoolGradient x[1,4,4,4,3]']),
    )
    out = ''
    const settings = ['data.patch=8', 'model.base=2', 'model.discriminator.base=2', 'train.batch=2']
    const small = settings.flatMap((setting) => ['--set', setting])
    expect(await run('step', ...small, '--json')).toBe(0)
    const [step] = document()
    expect(step).toMatchObject({ target: 'step', clock: 'wall', speedup: null })
    expect(step!.max_rel_err).toBeLessThan(1e-3)
    const shares = step!.by_kernel as { kernel: string; dispatches: number; ms: number }[]
    expect(shares.map(({ kernel }) => kernel)).toContain('adam.wgsl')
    out = ''
    expect(await run('predict', ...small)).toBe(0)
    expect(out).toMatch(/^predict {2}tiny, volume 16³, 8 windows of 8³, base 2$/m)
    expect(out).toMatch(/GFLOP\/s of multiply-adds, [\d.]+ GB\/s of copying/)
  })

  it('sweeps over shapes into a table', async () => {
    const file = path.join(folder, 'sweep.csv')
    const words = ['conv3d.weight', '--sweep', 'size=2..4,in=1/2,out=1', '--kernel', 'direct', '--out', file]
    expect(await run(...words)).toBe(0)
    const [header, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(header).toMatch(
      /^target,case,kernel,chosen,adapter,dtype,ms_median,ms_min,.*,roofline,.*max_rel_err/,
    )
    expect(lines.map((line) => /^conv3d.weight,"(x\[[\d,]+\]) w\[[\d,]+\]",direct,/.exec(line)?.[1])).toEqual(
      ['x[1,2,2,2,1]', 'x[1,2,2,2,2]', 'x[1,4,4,4,1]', 'x[1,4,4,4,2]'],
    )
  })

  it('times a variant of a kernel that is named', async () => {
    const shape = ['--shape', 'size=4,in=4,out=4']
    const variant = 'gemm/16x16-4x4-depth4-buffers1-shares3'
    expect(await run('conv3d.forward', ...shape, '--kernel', variant, '--json')).toBe(0)
    expect(document().map(({ kernel, chosen }) => [kernel, chosen])).toEqual([
      [variant, false],
      ['direct', false],
    ])
    out = ''
    expect(await run('conv3d.forward', ...shape, '--kernel', 'direct', '--variants', '--json')).toBe(0)
    expect(document()).toHaveLength(1)
    expect(await run('step', '--variants')).toBe(64)
    expect(err).toMatch(/--variants are for kernels, not for whole runs/)
  })

  it('keeps a record of where rows come from', async () => {
    const file = path.join(folder, 'new', 'record.json')
    expect(await run('pool', '--shape', 'size=2,channels=1', '--out', file)).toBe(0)
    const record = JSON.parse(readFileSync(file, 'utf8'))
    expect(record.command).toMatch(/^voxnorm bench pool --shape size=2,channels=1 --out /)
    expect(record.commit).toMatch(/^[0-9a-f]{7,}(\+changes)?$|^unknown$/)
    expect(record.rows[0]).toMatchObject({ target: 'pool', max_rel_err: 0 })
  })

  it('times only the kernel that is named, against the plain one', async () => {
    expect(await run('conv3d.forward', '--shape', 'size=4,in=2,out=2', '--kernel', 'direct', '--json')).toBe(
      0,
    )
    expect(document().map(({ kernel }) => kernel)).toEqual(['direct'])
  })

  it.each([
    [
      'at the size that is compared with float64',
      'size=4,in=2,out=2',
      1,
      /conv3d\.wrong \(x\[1,4,4,4,2\]→2 /,
    ],
    ['only at the full size', 'size=32,in=8,out=8', 200_000, /wrong \(x\[1,32,.*, compared with direct\)/],
  ])('refuses to time a kernel that is wrong %s', async (_, shape, from, where) => {
    const kernels = convolution.kernels as Kernel<never>[]
    const plain = kernels.at(-1)!
    const wrong: Kernel<never> = {
      ...plain,
      name: 'wrong',
      program(inputs, output, params, device) {
        const program = plain.program(inputs, output, params, device)
        const large = output.shape.reduce((product, size) => product * size) >= from
        return large
          ? {
              ...program,
              stages: program.stages.map((stage) => ({
                ...stage,
                source: async () => ({
                  default: (await textOf(stage.source)).replace(/(y\[\w+\] = )([^;]+);/, '$1 1.01 * ($2);'),
                }),
              })),
            }
          : program
      },
    }
    kernels.unshift(wrong)
    try {
      expect(await run('conv3d.forward', '--shape', shape, '--kernel', 'wrong')).toBe(1)
    } finally {
      kernels.shift()
    }
    expect(out).toBe('')
    expect(err).toMatch(
      /^error: kernel .*: element \d+ is .*, should be .*\n {2}relative L2 error 1\.0e-2, allowed .*\n {2}fix: .*\n$/,
    )
    expect(err).toMatch(where)
  })

  it.each([
    [['conv3'], 'nothing to bench called "conv3"; did you mean conv3d?'],
    [['conv3d', '--shape', 'size=8,inn=4'], 'there is no key "inn" here; did you mean in?'],
    [['norm', '--shape', 'out=8'], 'there is no key "out" here'],
    [['pool', '--shape', 'size=8x8'], 'size=8x8 needs one side or three'],
    [['pool', '--shape', 'size=8..4'], 'size=8..4 is an empty range'],
    [['pool', '--kernel', 'lane'], 'there is no kernel called "lane"'],
    [['step', '--shape', 'size=8'], '--shape, --kernel and --variants are for kernels'],
    [['pool', '--out', 'rows.txt'], 'neither a .csv nor a .json file'],
    [['pool', '--rounds', '0'], '--rounds is 0'],
  ])('answers %j with 64 and says why', async (words, why) => {
    expect(await main(['bench', ...words])).toBe(64)
    expect(err).toContain(why)
    expect(out).toBe('')
  })
})

describe('shapes', () => {
  it('has the layers of the U-Net at full width by name, for convolutions only', async () => {
    const [forward, , , norm] = KERNEL_TARGETS
    const names = forward!.sets!.unet!.flatMap((shape) => forward!.problems(shape)).map(({ name }) => name)
    expect(names).toHaveLength(15)
    expect(names).toContain('x[8,4,4,4,256] w[3,3,3,256,512]')
    expect(names).toContain('x[8,32,32,32,192] w[3,3,3,192,64]')
    expect(names.at(-1)).toBe('x[8,32,32,32,64] w[1,1,1,64,4] zero')
    expect(norm!.sets).toBeUndefined()
    expect(await run('norm', '--shape', 'unet')).toBe(64)
    expect(err).toContain('"unet" is not of the form key=value')
  })

  const KEYS = ['batch', 'size', 'in', 'out', 'kernel', 'stride', 'padding', 'mode', 'type'] as const

  it('combine lists and ranges, and keep defaults', () => {
    const shapes = parseShapes('size=8..32,in=1/4..6+2,mode=zero', KEYS)
    expect(shapes.map((shape) => [shape.size[0], shape.in])).toEqual(
      [8, 16, 32].flatMap((size) => [1, 4, 6].map((channels) => [size, channels])),
    )
    expect(shapes[0]).toMatchObject({ batch: 1, out: 32, kernel: 3, stride: 1, padding: 1, mode: 'zero' })
  })

  it('say how tensors are stored', async () => {
    expect(parseShapes('size=8,type=f32/f16', KEYS).map(({ type }) => type)).toEqual(['f32', 'f16'])
    expect(() => parseShapes('type=bf16', KEYS)).toThrow('type=bf16 is neither f32 nor f16')
    // A renderer without half precision says so; see the tests of halves.
    const code = await run('pool', '--shape', 'size=4,channels=4,type=f16', '--json')
    if (code !== 0) return expect(err).toContain('no half precision')
    for (const row of document()) {
      expect(row).toMatchObject({ case: expect.stringContaining('x[1,4,4,4,4] f16'), dtype: 'f16' })
      expect(row.max_rel_err).toBe(0)
    }
  })

  it('take sizes that are no cubes, and a padding that follows the kernel', () => {
    expect(parseShapes('size=8x9x10/4,kernel=5', KEYS)).toMatchObject([
      { size: [8, 9, 10], padding: 2 },
      { size: [4, 4, 4], padding: 2 },
    ])
    expect(parseShapes('kernel=5,padding=0', KEYS)[0]).toMatchObject({ padding: 0 })
  })
})
