import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { largestError } from '../../bench/peers/exchange.ts'

const PROGRAM = join(import.meta.dirname, '../../bench/peers/run.js')

describe('the comparison with peers', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'voxnorm-peers-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const run = (...words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const options = { env: { ...process.env, PYTHON: join(folder, 'no-python') } }
      execFile(process.execPath, [PROGRAM, ...words], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })

  it('measures ours, leaves out what is not there, and writes a row for each case', async () => {
    const out = join(folder, 'rows.json')
    const words = ['--cases', 'tiny', '--rounds', '1', '--device', 'software', '--out', out]
    const { code, stdout } = await run('--peers', 'ours,torch', ...words)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^torch: left out, .*no-python/m)
    expect(stdout).toMatch(/^conv \[2,4³,3→5\] forward\npeer +ms +kernel CPU ms .*\nours .* 1× /m)
    const rows = JSON.parse(readFileSync(out, 'utf8'))
    const names = ['conv [2,4³,3→5] forward', 'conv [2,4³,3→5] forward+backward']
    expect(rows).toHaveLength(names.length)
    for (const [index, row] of rows.entries()) {
      expect(row).toMatchObject({ peer: 'ours', case: names[index], wrong: false, version: 'this checkout' })
      expect(row.commit).toMatch(/^[0-9a-f]{7,}(\+changes)?$|^unknown$/)
      expect(row.adapter).toMatch(/llvmpipe|swiftshader/i)
      expect(row.max_rel_err).toBeGreaterThan(0)
      expect(row.max_rel_err).toBeLessThan(1e-5)
      expect(row.gflops_per_kernel_cpu_s * row.kernel_cpu_ms).toBeCloseTo(0.10368 * (index ? 3 : 1), 6)
      for (const field of ['ms_median', 'first_ms', 'first_cpu_ms', 'device_bytes']) {
        expect(row[field], field).toBeGreaterThan(0)
      }
    }
  })

  it.each([
    ['a peer', ['--peers', 'theano'], /"theano".*ours, jax/],
    ['a case', ['--cases', 'lstm'], /"lstm".*conv, norm/],
  ])('refuses %s that there is not', async (_, words, reason) => {
    const { code, stderr } = await run(...words)
    expect(stderr).toMatch(reason)
    expect(code).toBe(64)
  })
})

describe('the error of a result', () => {
  const tensor = (...values: number[]) => ({ shape: [values.length], values: Float32Array.from(values) })

  it('is relative to the largest true value of each tensor', () => {
    expect(largestError({ a: tensor(1, 2), b: tensor(0, 8) }, { a: [1, 2], b: [1, 10] })).toBe(0.2)
  })

  it.each([
    ['is missing', {}],
    ['is too short', { a: tensor(1) }],
    ['holds no number', { a: tensor(1, Number.NaN) }],
  ])('is infinite where a tensor %s', (_, got) => {
    expect(largestError(got, { a: [1, 2] })).toBe(Number.POSITIVE_INFINITY)
  })
})
