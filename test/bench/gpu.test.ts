import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chosenKernel, conv3dCase, inHalves, uNetLayers } from '@voxnorm/tensor/tuning'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { judge } from '../../bench/gpu/goals.js'
import { jobsOf, SECTIONS, SIZES, SMALL_SIZES } from '../../bench/gpu/jobs.js'
import { matrixGpu } from '../../packages/tensor/test/emulated-matrices.ts'
import { built, voxnorm } from '../e2e/program.ts'

const PROGRAM = join(import.meta.dirname, '../../bench/gpu/run.js')

describe.runIf(built)('the command for a GPU', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'voxnorm-gpu-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const run = (...words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const options = { env: { ...process.env, PYTHON: join(folder, 'no-python') } }
      execFile(process.execPath, [PROGRAM, ...words], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })

  it('goes on behind a job that fails, and keeps what it has', async () => {
    const out = join(folder, 'made', 'gpu.json')
    const { code, stdout } = await run('--small', '--device', 'software', '--only', 'layers', '--out', out)
    expect(code).toBe(1)
    const record = JSON.parse(readFileSync(out, 'utf8'))
    expect(record).toMatchObject({ pytorch: null, toggles: expect.stringContaining('allow_unsafe_apis') })
    expect(record.adapter).toMatch(/llvmpipe|swiftshader/i)
    const jobs: { failed: string | null; rows: { chosen: boolean }[] }[] = record.jobs
    expect(jobs).toHaveLength(7)
    expect(jobs.at(-1)!.failed).toMatch(/no-python/)
    const halves = jobs.slice(3, 6)
    for (const job of record.jobs.slice(0, 3)) {
      expect(job).toMatchObject({ failed: null, seconds: expect.any(Number) })
      expect(job.rows.filter((row: { chosen: boolean }) => row.chosen)).toHaveLength(1)
    }
    // SwiftShader stores no halves, and says so.
    for (const { failed, rows } of halves) expect(failed === null || rows.length === 0).toBe(true)
    const table = readFileSync(out.replace('.json', '.md'), 'utf8')
    expect(stdout).toContain(table)
    expect(table).toMatch(
      /^\| f32, all layers and directions: at least 45 % [^|]*\| [\d.]+ % \| (yes|no) \|$/m,
    )
    expect(table).toMatch(/^\| iteration of [^|]*\| not measured \| – \|$/m)
    expect(table).toMatch(/^\| x\[1,16,16,16,4\] w\[3,3,3,4,8\] \| [\d.]+ \([\d.]+ %\), lanes \|/m)
  })

  it.each([
    ['a software renderer', 69, /software renderer.*--small/, ['--device', 'software']],
    ['a section that there is not', 64, /no section "speed"/, ['--only', 'peaks,speed']],
    ['a file of another kind', 64, /gpu\.csv is no \.json/, ['--out', 'gpu.csv']],
    ['a flag that there is not', 64, /--fast/, ['--fast']],
  ])('refuses %s', async (_, exitCode, reason, words) => {
    const { code, stderr } = await run(...words)
    expect(stderr).toMatch(reason)
    expect(code).toBe(exitCode)
  })
})

describe('the jobs', () => {
  it('time the kernels that plans take on matrix units, or the goals would find no row', () => {
    const directions = { forward: 'conv3d', input: 'conv3dInput', weight: 'conv3dWeight' } as const
    for (const layer of uNetLayers(32, 32, 8)) {
      for (const [direction, op] of Object.entries(directions)) {
        const timed = SIZES.kernels[direction as keyof typeof directions].f16
        expect(timed).toContain(chosenKernel(matrixGpu, inHalves(conv3dCase(op, layer))!))
      }
    }
  })

  it.runIf(built)('for a GPU are understood: what is missing is only the device', () => {
    const ours = jobsOf(SIZES).filter(({ program }) => program === 'voxnorm')
    expect(ours).toHaveLength(12)
    for (const { words } of ours) {
      const { code, err } = voxnorm('.', ...words, '--device', 'nowhere')
      expect(err).toMatch(/no WebGPU adapter is called "nowhere"/)
      expect(code).toBe(69)
    }
  })

  it.each([
    ['on a GPU', SIZES],
    ['to try out', SMALL_SIZES],
  ])('come in sections, each with a limit, ours and PyTorch in turns: %s', (_, sizes) => {
    const jobs = jobsOf(sizes)
    expect([...new Set(jobs.map(({ section }) => section))]).toEqual(SECTIONS)
    for (const { seconds } of jobs) expect(seconds).toBeGreaterThan(0)
    const iteration = jobs.filter(({ section }) => section === 'iteration').map(({ program }) => program)
    expect(iteration.join()).toBe('voxnorm,voxnorm,pytorch.py,voxnorm,voxnorm,pytorch.py')
  })
})

describe('the goals', () => {
  const convolution = (dtype: string, direction: string, more: object) => ({
    target: `conv3d.${direction}`,
    case: `${SIZES.wide} f16`,
    dtype,
    chosen: true,
    ...more,
  })
  const plain = { ms_median: 10, gflops: 30_000, peak_gflops: 60_000 }
  const step = (dtype: string, at: string, ms_median: number) => ({
    target: 'step',
    case: `paper adversarial, ${at}`,
    dtype,
    ms_median,
  })
  const torch = (variant: string, at: string, ms_median: number) => ({
    peer: 'torch',
    target: 'step',
    case: at,
    variant,
    ms_median,
  })
  const [large, small] = ['batch 8 of 32³, base 32', 'batch 2 of 32³, base 16'] as const
  const rows = [
    convolution('f32', 'forward', plain),
    // Thrice the time at a third of the speed, and a kernel that no plan takes.
    convolution('f32', 'input', { ...plain, ms_median: 30, gflops: 10_000 }),
    convolution('f32', 'weight', { ...plain, ms_median: 30, gflops: 10_000 }),
    convolution('f32', 'weight', { ...plain, chosen: false, gflops: 1 }),
    convolution('f16', 'forward', { gflops: 160_000 }),
    convolution('f16', 'weight', { gflops: 149_000 }),
    step('f32', large, 100),
    step('f16', large, 20),
    step('f32', small, 4),
    torch('f32', large, 40),
    torch('f16', large, 9),
    torch('f32', small, 8),
    torch('tf32', small, 5),
    torch('bf16', small, 4),
  ]

  it('are judged by what was measured, and by nothing else', () => {
    const judged = judge(rows, SIZES).map(({ measured, met }) => [measured, met])
    expect(judged).toEqual([
      // 900 GFLOP in 70 ms, of 60 TFLOP/s.
      ['21.4 %', false],
      ['160 TFLOP/s', true],
      ['not measured', null],
      ['149 TFLOP/s', false],
      ["0.500 of PyTorch's time", true],
      ["2.22 of PyTorch's time", false],
      ["0.800 of PyTorch's time", true],
      ["2.22 of PyTorch's time", false],
      ["1.00 of PyTorch's time", false],
    ])
  })

  it('are not judged over some of the directions', () => {
    const some = rows.filter(({ target }) => target !== 'conv3d.weight')
    expect(judge(some, SIZES)[0]).toMatchObject({ measured: 'not measured', met: null })
    expect(judge([], SIZES).every(({ met }) => met === null)).toBe(true)
  })
})
