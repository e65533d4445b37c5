import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { ShapeError } from '../src/errors.ts'
import { exactKey, identities } from '../src/graph/exact-key.ts'
import { mergeEqual } from '../src/graph/rewrite.ts'
import { f32, type Spec, u32 } from '../src/graph/spec.ts'
import { apply, collect, constant, input, type Tensor, update } from '../src/graph/tensor.ts'
import { copy } from '../src/ops/copy/op.ts'
import { add, div, mul } from '../src/ops/pointwise/binary.ts'
import { affine, affineOp } from '../src/ops/pointwise/unary.ts'
import { reshape } from '../src/ops/reshape/op.ts'
import { accumulateOp } from '../src/ops/updates/updates.ts'
import { compile } from '../src/plan/compile.ts'
import type { OutputValues } from '../src/plan/plan.ts'
import { execute } from '../src/reference/execute.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { specialize } from '../src/runtime/specialize.ts'
import { allCases } from '../src/testing/index.ts'

const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
afterAll(() => {
  runtime.dispose()
  opened.release()
})

const key = (value: unknown) => exactKey(value, identities())
const mergedCount = (...tensors: Tensor[]) => new Set(mergeEqual(collect(tensors)).values()).size

/** What a plan makes of outputs on the device, and what the reference says. */
async function bothWays(outputs: Record<string, Tensor>, inputs = {}) {
  const plan = await compile<OutputValues>(runtime, { name: 'both ways', outputs })
  const got = await plan.run(inputs)
  plan.dispose()
  const expected = execute(Object.values(outputs), { inputs })
  return Object.keys(outputs).map((name, index) => [[...got[name]!], [...expected[index]!]] as const)
}

describe('the key of parameters', () => {
  it('tells all values apart that a kernel can', () => {
    const values = [
      ...[0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 5e-324, 1e300, 1 + Number.EPSILON],
      ...['0', 'NaN', 'null', null, undefined, true, 0n],
      ...[[], [undefined], [null], [0], [[0]], {}, { a: undefined }, { a: null }, { a: [0] }, { a: '[0]' }],
      ...[
        new Float32Array([0]),
        new Float32Array([-0]),
        new Uint32Array([0]),
        new Float64Array([Number.NaN]),
      ],
      ...[() => 0, () => 0, new Map(), new Map()],
    ]
    expect(new Set(values.map(identityKeys())).size).toBe(values.length)
  })

  const identityKeys = () => {
    const identify = identities()
    return (value: unknown) => exactKey(value, identify)
  }

  it('is the JSON of what JSON can say, so that stored tables stay good', () => {
    const params = { kernel: 3, mode: 'zero', shape: [1, 2.5], fusion: { slope: 1e-21, moments: true } }
    expect(key(params)).toBe(JSON.stringify(params))
  })
})

describe('merging equal nodes', () => {
  const x = input('x', f32(3))

  it('merges what is the same, and not what JSON only writes alike', () => {
    expect(mergedCount(affine(x, 2, 1), affine(x, 2, 1))).toBe(2)
    expect(mergedCount(affine(x, 1, Infinity), affine(x, 1, -Infinity))).toBe(3)
    expect(mergedCount(affine(x, 1, Number.NaN), affine(x, 1, Infinity))).toBe(3)
    expect(mergedCount(affine(x, 1, 0), affine(x, 1, -0))).toBe(3)
    expect(mergedCount(constant(f32(1), [0]), constant(f32(1), [-0]))).toBe(2)
    expect(mergedCount(affine(x, 1, Number.NaN), affine(x, 1, Number.NaN))).toBe(2)
  })

  it('compares ops by identity: a namesake is another op', () => {
    const namesake = { ...affineOp }
    expect(mergedCount(affine(x, 2, 1), apply(namesake, [x], { a: 2, b: 1 }))).toBe(3)
  })

  it('leaves a plan with constants that are not finite, or -0, what the reference says', async () => {
    const numbers = [Infinity, -Infinity, Number.NaN, 0, -0]
    const one = constant(f32(1), [1])
    const outputs = Object.fromEntries(
      numbers.flatMap((number, index) => [
        [`shift${index}`, affine(x, 1, number)],
        [`constant${index}`, copy(constant(f32(1), [number]))],
        [`sum${index}`, add(x, constant(f32(1), [number]))],
        [`inverse${index}`, div(one, constant(f32(1), [number]))],
      ]),
    )
    for (const [got, expected] of await bothWays(outputs, { x: Float32Array.of(1, -2, 0.5) })) {
      expect(got).toEqual(expected)
    }
  })
})

describe('constants of a kernel', () => {
  it('are numbers that WGSL has words for', () => {
    const text = (value: number) => specialize('const A = 1;\n', 'a.wgsl', { A: value })
    for (const number of [Infinity, Number.NaN, -0]) expect(() => text(number)).toThrow(/constant A/)
    expect(text(1e-30)).toContain('= 1e-30;')
  })
})

describe('u32 tensors', () => {
  it('come back as the integers that they are', async () => {
    const labels = Uint32Array.of(0, 7, 2 ** 24 + 1, 2 ** 32 - 1)
    const x = input('x', u32(4))
    const plan = await compile<OutputValues>(runtime, {
      name: 'integers',
      outputs: { copied: copy(x), fed: reshape(x, [2, 2]), known: constant(u32(2), [3, 4_000_000_000]) },
    })
    const values = await plan.run({ x: labels })
    plan.dispose()
    expect(values).toEqual({ copied: labels, fed: labels, known: Uint32Array.of(3, 4_000_000_000) })
  })

  it('are refused by every op that computes with floats', () => {
    const asIntegers = ({ shape }: Spec): Spec => ({ shape, dtype: 'u32' })
    for (const { op, inputs, build } of Object.values(allCases).flatMap(({ cases }) => cases)) {
      inputs.forEach(({ spec }, changed) => {
        const given = inputs.map((one, index) => (index === changed ? asIntegers(one.spec) : one.spec))
        const make = () => build(given.map((one, index) => input(`x${index}`, one)))
        if (spec.dtype === 'u32' || op.integers === 'all') expect(make).not.toThrow()
        else expect(make, `${op.name} of ${given.map(({ dtype }) => dtype)}`).toThrow(ShapeError)
      })
    }
    const [a, b] = [input('a', u32(2)), input('b', u32(2))]
    expect(() => add(a, b)).toThrow('add: input 0 is u32')
    expect(() => mul(input('c', f32(2)), b)).toThrow('mul: input 1 is u32')
    expect(() => update(accumulateOp, [a, b], { scale: 1 })).toThrow('accumulate: input 0 is u32')
  })

  it('hold integers only', async () => {
    expect(() => constant(u32(2), [1, -1])).toThrow(ShapeError)
    expect(() => constant(u32(1), [0.5])).toThrow('needs integers')
    const plan = await compile<Uint32Array>(runtime, {
      name: 'one',
      outputs: { y: copy(input('seed', u32())) },
    })
    expect(() => plan.run({ seed: 1.5 })).toThrow('no integer')
    expect(await plan.run({ seed: 9 })).toEqual({ y: Uint32Array.of(9) })
    plan.dispose()
  })
})
