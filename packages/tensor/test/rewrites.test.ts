import { describe, expect, it } from 'vitest'
import { apply, batchNorm, type Capabilities, f32, input, type Op } from '../src/index.ts'
import { momentsAsideOp } from '../src/ops/batchnorm/fusion.ts'
import { momentsInEpilogue, normalizeOnLoad } from '../src/plan/fuse.ts'

const device: Capabilities = {
  adapter: 'none',
  software: false,
  subgroupSize: null,
  features: new Set(),
  matrices: null,
  limits: {
    maxStorageBufferBindingSize: 0,
    maxBufferSize: 0,
    maxComputeWorkgroupStorageSize: 0,
    maxComputeInvocationsPerWorkgroup: 0,
  },
}

/** An op that the engine has never heard of. */
const foreign = (can: Pick<Op, 'normalizesOnLoad' | 'leavesMoments'>): Op<object> => ({
  name: 'foreign',
  infer: ([x]) => x!,
  reference: ([x]) => x!,
  kernels: [{ name: 'any', program: () => ({ stages: [] }) }],
  ...can,
})

const [weight, bias] = [input('weight', f32(3)), input('bias', f32(3))]

describe('an op says itself what it can do besides', () => {
  const normalized = batchNorm(input('x', f32(2, 3)), weight, bias, { epsilon: 1e-5, slope: 0.2 })

  it.each([true, undefined] as const)('normalises on load: %s', (normalizesOnLoad) => {
    const y = apply(foreign({ normalizesOnLoad }), [normalized], {})
    const became = normalizeOnLoad.apply([y], device).get(y)!
    expect(became.inputs.map(({ op }) => op.name)).toEqual(
      normalizesOnLoad ? ['input', 'channelScales'] : ['batchNorm'],
    )
    expect(became.params).toEqual(normalizesOnLoad ? { fusion: { slope: 0.2 } } : {})
  })

  it.each([true, undefined] as const)('leaves moments aside: %s', (leavesMoments) => {
    const made = apply(foreign({ leavesMoments }), [input('x', f32(2, 3))], {})
    const y = batchNorm(made, weight, bias, { epsilon: 1e-5 })
    const [became, moments] = momentsInEpilogue.apply([y], device).get(y)!.inputs
    expect(became!.params).toEqual(leavesMoments ? { fusion: { moments: true } } : {})
    expect(moments!.op === (momentsAsideOp as Op<unknown>)).toBe(leavesMoments === true)
  })
})
