import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type StoredTensor, writeSafetensors } from '@voxnorm/autograd'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PROGRAM = join(import.meta.dirname, 'run.js')

/** `y = relu(x)` of five numbers with the gradient for `dy`, and its sum, of which every second element is stored. */
function tinyFolder(change: { y?: readonly number[]; tol?: number | null; l2?: number; op?: string } = {}) {
  const x = [-1, 2, 0.5, -3, 4]
  const squares = Math.sqrt(4 + 0.25 + 16)
  const cosines = 2 * Math.cos(1) + 0.5 * Math.cos(2) + 4 * Math.cos(4)
  const tensors = {
    x,
    dy: [1, 2, 3, 4, 5],
    y: change.y ?? [0, 2, 0.5, 0, 4],
    dx: [0, 2, 3, 0, 5],
    sampled: [2, 0],
  }
  const reference = (tensor: string) => ({ tensor, shape: [5] })
  const relu = { op: change.op ?? 'relu', file: 'tiny.safetensors', attrs: {} }
  const tol = change.tol === undefined ? 1e-6 : change.tol
  const inputs = { x: reference('x'), dy: reference('dy') }
  const sample = { offset: 1, stride: 2, count: 2 }
  return {
    tensors: new Map(
      Object.entries(tensors).map(([name, values]): [string, StoredTensor] => [
        name,
        { shape: [values.length], values: Float32Array.from(values) },
      ]),
    ),
    cases: [
      {
        ...relu,
        id: 'whole',
        inputs,
        outputs: { y: { ...reference('y'), tol } },
        grads: { x: { ...reference('dx'), tol } },
      },
      {
        ...relu,
        id: 'sampled',
        inputs,
        outputs: { y: { ...reference('sampled'), sample, l2: change.l2 ?? squares, dotcos: cosines, tol } },
      },
    ],
  }
}

describe('the program that runs golden cases', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'voxnorm-golden-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const write = ({ cases, tensors }: { cases: unknown; tensors: Map<string, StoredTensor> }) => {
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ cases }))
    writeFileSync(join(folder, 'tiny.safetensors'), writeSafetensors({ tensors }))
  }

  const run = (...words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const options = { cwd: folder }
      execFile(process.execPath, [PROGRAM, ...words], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })
  const software = ['--device', 'software']

  it('prints a row per case and how many passed', async () => {
    write(tinyFolder())
    const { code, stdout } = await run('.', ...software)
    expect(stdout).toMatch(
      /^pass {2}whole +relu +0 \/ 1\.0e-6 .*\npass {2}sampled .*\n2 passed, 0 failed\n$/m,
    )
    expect(code).toBe(0)
  })

  it('fails for a single changed value and says which', async () => {
    write(tinyFolder({ y: [0, 2, 0.501, 0, 4] }))
    const { code, stdout } = await run(folder, ...software)
    expect(stdout).toMatch(/^FAIL {2}whole .*\n +y: off by 1\.0e-3, allowed 1\.0e-6 \(element 2 is 0\.5, /m)
    expect(stdout).toMatch(/\n1 passed, 1 failed\n$/)
    expect(code).toBe(1)
  })

  it.each([
    ['a sum over all elements that is off', tinyFolder({ l2: 4.51 }), /sampled[\s\S]*y l2: off by/],
    ['a value that is not a number', tinyFolder({ y: [0, Number.NaN, 0.5, 0, 4] }), /whole[\s\S]*off by NaN/],
    ['an op that it does not know', tinyFolder({ op: 'softplus' }), /unknown op "softplus"/],
    ['a tolerance that is missing', tinyFolder({ tol: null }), /y has no tolerance/],
    ['a tensor that is missing', { ...tinyFolder(), tensors: new Map() }, /has no tensor "x"/],
  ])('fails for %s', async (_, tiny, reason) => {
    write(tiny)
    const { code, stdout } = await run(folder, ...software)
    expect(stdout).toMatch(reason)
    expect(code).toBe(1)
  })

  it('gives everything as JSON, of chosen cases only', async () => {
    write(tinyFolder({ y: [0, 2, 0.5, 0, 5] }))
    const { code, stdout } = await run(folder, ...software, '--json', '--only', 'whole')
    expect(JSON.parse(stdout)).toMatchObject({
      passed: 0,
      failed: 1,
      cases: [{ id: 'whole', op: 'relu', passed: false, worst: { name: 'y', error: 1, tolerance: 1e-6 } }],
    })
    expect(code).toBe(1)
  })

  it.each([
    ['a folder without a manifest', ['nowhere'], 66, /nowhere\/manifest\.json does not exist/],
    ['a choice without cases', ['.', '--only', 'conv'], 64, /no case .* "conv"[\s\S]*relu/],
    ['no folder', [], 64, /Name one folder/],
    ['an unknown option', ['.', '--fast'], 64, /--fast/],
    ['a device that is not there', ['.', '--device', 'abacus'], 69, /abacus/],
  ])('refuses %s', async (_, words, expected, reason) => {
    write(tinyFolder())
    const { code, stderr } = await run(...words)
    expect(stderr).toMatch(reason)
    expect(code).toBe(expected)
  })
})
