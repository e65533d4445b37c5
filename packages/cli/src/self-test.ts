import { compile, conv3d, type DType, execute, input, type Runtime } from '@voxnorm/tensor'

/** Whether a device computes what it should. */
export interface SelfTest {
  readonly passed: boolean
  /** Largest deviation from the float64 reference, relative to the largest value. */
  readonly maxRelativeError: number
}

const PARAMS = { stride: 1, padding: 1, mode: 'replicate' } as const

// A float32 sum over 27 * 8 products is right to about 1e-6; a thousandth of that would be no float32.
const TOLERANCE = 1e-4

/**
 * Runs a small 3D convolution on the device and compares it with the float64 reference: from f32, and from half precision
 * where the device stores that.
 */
export async function selfTest(runtime: Runtime): Promise<SelfTest> {
  const types: DType[] = runtime.capabilities.features.has('shader-f16') ? ['f32', 'f16'] : ['f32']
  let maxRelativeError = 0
  for (const dtype of types) maxRelativeError = Math.max(maxRelativeError, await errorFrom(runtime, dtype))
  return { passed: maxRelativeError <= TOLERANCE, maxRelativeError }
}

async function errorFrom(runtime: Runtime, dtype: DType): Promise<number> {
  const x = input('x', { shape: [1, 6, 7, 8, 8], dtype })
  const w = input('w', { shape: [3, 3, 3, 8, 8], dtype })
  const y = conv3d(x, w, null, { ...PARAMS, result: 'f32' })
  const feeds = { x: pattern(6 * 7 * 8 * 8, 1), w: pattern(27 * 64, 2) }
  const [expected] = execute([y], { inputs: feeds })
  const plan = await compile(runtime, { name: 'self-test', outputs: { y } })
  const { y: got } = await plan.run(feeds)
  plan.dispose()
  let scale = 0
  let error = 0
  expected!.forEach((value, index) => {
    scale = Math.max(scale, Math.abs(value))
    const difference = Math.abs(value - got![index]!)
    error = Math.max(error, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)
  })
  return error / scale
}

/**
 * Measured speed in GFLOP/s of a 3D convolution as large as this kind of device can do in well under a second.
 *
 * Best of three runs, each with the work alone on the device.
 */
export async function measureSpeed(runtime: Runtime): Promise<number> {
  const { software } = runtime.capabilities
  const [edge, channels] = software ? [16, 16] : [64, 64]
  const x = input('x', { shape: [1, edge, edge, edge, channels], dtype: 'f32' })
  const w = input('w', { shape: [3, 3, 3, channels, channels], dtype: 'f32' })
  const plan = await compile(runtime, { name: 'speed', outputs: { y: conv3d(x, w, null, PARAMS) } })
  const feeds = { x: pattern(edge ** 3 * channels, 3), w: pattern(27 * channels ** 2, 4) }
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    const times = await plan.profile(feeds)
    best = Math.min(
      best,
      times.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    )
  }
  plan.dispose()
  return plan.summary.flops / best / 1e6
}

/** Values in -1..1 that repeat nowhere within a test. */
function pattern(length: number, phase: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => Math.sin(phase + index * 1.61803))
}
