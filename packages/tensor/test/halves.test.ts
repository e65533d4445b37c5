import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { halfStep, packHalves, roundToHalf, unpackHalves } from '../src/graph/halves.ts'
import { Arena, type Capabilities, cast, compile, conv3d, f16, f32, input, Runtime } from '../src/index.ts'
import { specialize } from '../src/runtime/specialize.ts'

describe('halves on the host', () => {
  const every = unpackHalves(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits))

  it('come back from their values, all 65,536 of them', () => {
    const packed = packHalves(every)
    const isNumber = [...every.keys()].filter((bits) => !Number.isNaN(every[bits]))
    expect(isNumber).toHaveLength(2 ** 16 - 2 * 1023)
    expect(isNumber.filter((bits) => packed[bits] !== bits)).toEqual([])
    expect([...unpackHalves(packHalves([Number.NaN]))].slice(0, 1)).toEqual([Number.NaN])
  })

  it('are the nearest, ties to even', () => {
    for (let bits = 0; bits < 0x7bff; bits += bits < 3000 ? 1 : 17) {
      const [low, high] = [every[bits]!, every[bits + 1]!]
      const middle = (low + high) / 2
      expect(roundToHalf(middle)).toBe(bits % 2 === 0 ? low : high)
      expect(roundToHalf(middle - high * 1e-9)).toBe(low)
      expect(roundToHalf(-middle - high * 1e-9)).toBe(-high)
    }
    expect([65_519, 65_520, -1e9].map(roundToHalf)).toEqual([65_504, Infinity, -Infinity])
    expect(halfStep(1)).toBe(2 ** -10)
  })
})

describe('a kernel on halves', () => {
  const source = `alias Value = f32;
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
// y[i] = x[i]; as a formula
fn main() {
  y[i + 1u] += x[at(a[2])] * x[3];
}`

  it('computes in f32: loads and stores are converted, comments are left alone', () => {
    expect(specialize(source, 'a.wgsl', { Value: 'vec4f' }, [0, 1])).toBe(`enable f16;
alias Value = vec4f;
@group(0) @binding(0) var<storage, read> x: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read_write> y: array<f16>;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
// y[i] = x[i]; as a formula
fn main() {
  y[i + 1u] = f16(f32(y[i + 1u]) + (Value(x[at(a[2])]) * Value(x[3])));
}`)
  })

  it('is refused where its text is about words', () => {
    expect(() => specialize(source, 'a.wgsl', {}, [2])).toThrow(/binding 2 cannot be stored/)
  })
})

describe('a plan with halves', async () => {
  const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
  afterAll(() => {
    runtime.dispose()
    opened.release()
  })
  const hasHalves = runtime.capabilities.features.has('shader-f16')
  const y = cast(input('x', f16(3)), 'f32')

  it.runIf(hasHalves)('takes and gives back odd numbers of them', async () => {
    const plan = await compile(runtime, { name: 'odd', outputs: { y, z: cast(y, 'f16') } })
    const { y: wide, z } = await plan.run({ x: Float32Array.of(0.1, 2049, -7e4) })
    expect([...wide!]).toEqual([Math.fround(roundToHalf(0.1)), 2048, -Infinity])
    expect([...z!]).toEqual([...wide!])
    plan.dispose()
  })

  it('is refused where the device has none', async () => {
    const without: Capabilities = { ...runtime.capabilities, features: new Set() }
    const poor = Object.assign(Object.create(runtime) as Runtime, { capabilities: without })
    await expect(compile(poor, { name: 'poor', outputs: { y } })).rejects.toThrow(/no half precision/)
  })
})

describe('variables', () => {
  it('are never half precision, nor are results that are written into them', async () => {
    const arena = new Arena('weights', [{ name: 'w', spec: f32(3) }])
    const assign = [[arena.variables[0]!, input('x', f16(3))]] as const
    await expect(compile({} as Runtime, { name: 'mix', assign })).rejects.toThrow(/w cannot take f16\[3\]/)
    expect(() => new Arena('halves', [{ name: 'w', spec: f16(3) }])).toThrow(/not kept in half precision/)
  })
})

describe('gradients of convolutions in half precision', () => {
  it('are stored like the activations; those of weights are sums and stay f32', () => {
    const x = input('x', f32(1, 4, 4, 4, 2))
    const w = input('w', f16(3, 3, 3, 2, 5))
    const params = { stride: 1, padding: 1, mode: 'zero' } as const
    const y = conv3d(x, w, null, { ...params, result: 'f16' })
    const [dx, dw] = y.op.vjp!(cast(y, 'f16'), [x, w], y, y.params).map((gradient) => gradient!().spec.dtype)
    expect([y.spec.dtype, dx, dw]).toEqual(['f16', 'f32', 'f32'])
  })
})
