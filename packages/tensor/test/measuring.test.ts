import { openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { textOf } from '../src/op.ts'
import { compile } from '../src/plan/compile.ts'
import { clockOf } from '../src/plan/stopwatch.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import {
  checkCase,
  instantiate,
  measureMatrixPeak,
  measureRoof,
  median,
  medianDeviation,
} from '../src/tuning/index.ts'
import { matrixMultiplyCase, multiplyAddCase, streamCase } from '../src/tuning/roof.ts'
import { withEmulatedMatrices } from './emulated-matrices.ts'

const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
const runtime = await Runtime.open(opened.gpu)
afterAll(() => {
  runtime.dispose()
  opened.release()
})

const plan = async (opCase: ReturnType<typeof streamCase>) => {
  const { output, feeds } = instantiate(opCase)
  return { feeds, plan: await compile(runtime, { name: 'timed', outputs: { y: output } }) }
}

describe('the clock of a plan', () => {
  /** Takes the best times of more and more rounds until they are as expected: other work on the machine only adds. */
  const settle = async (times: readonly (() => Promise<number>)[], expected: (best: number[]) => boolean) => {
    const best = times.map(() => Number.POSITIVE_INFINITY)
    for (let round = 0; round < 100 && !expected(best); round++) {
      for (const [index, time] of times.entries()) best[index] = Math.min(best[index]!, await time())
    }
    return expected(best)
  }

  it('sees eight times the work take several times as long', async () => {
    const { plan: short, feeds } = await plan(multiplyAddCase(512, 128))
    const { plan: long } = await plan(multiplyAddCase(512, 1024))
    await short.run(feeds)
    await long.run(feeds)
    const longer = ([one, eight]: number[]) => eight! / one! > 3
    expect(await settle([() => short.time(), () => long.time()], longer)).toBe(true)
    // Repetitions are divided out again.
    const alike = ([one, repeated]: number[]) => repeated! / one! < 3
    expect(await settle([() => short.time(), () => short.time(8)], alike)).toBe(true)
  })

  it('times each dispatch with time stamps, or with the clock that it is given', async () => {
    const { plan: work, feeds } = await plan(multiplyAddCase(512, 256))
    expect(clockOf(runtime)).toBe('timestamps')
    const [inside] = await work.profile(feeds)
    expect(inside!.name).toBe('multiplyAdd multiply-add.wgsl')
    expect(inside!.milliseconds).toBeGreaterThan(0)
    let ticks = 0
    const [outside] = await work.profile(feeds, () => 7 * ticks++)
    expect(outside!.milliseconds).toBe(7)
  })

  it('counts the bytes of operands and results', async () => {
    const { plan: copy } = await plan(streamCase(1000))
    expect(copy.summary).toMatchObject({ bytes: 8000, flops: 0, dispatches: 1 })
  })
})

describe('the roof', () => {
  it('is measured with kernels that do what they say', async () => {
    for (const opCase of [multiplyAddCase(100, 3), multiplyAddCase(64, 1), streamCase(4 * 515)]) {
      await checkCase(runtime, opCase)
    }
  })

  const matrices = matrixMultiplyCase(3, 5)
  const [units] = matrices.op.kernels

  it('has a peak of matrix units only where kernels use them', async () => {
    expect((await measureMatrixPeak(runtime)) !== null).toBe(
      runtime.capabilities.matrices?.syntax === 'present',
    )
  })

  it('compiles its products of matrices where there are such', async () => {
    const nobody = await Runtime.open(create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']))
    const { output } = instantiate(matrices)
    const specs = output.inputs.map(({ spec }) => spec)
    const params = output.params as never
    const [stage] = units!.program(specs, output.spec, params, runtime.capabilities).stages
    await nobody.kernel(await textOf(stage!.source), stage!.file, stage!.constants, [0])
    nobody.dispose()
  })

  it.runIf(runtime.capabilities.features.has('shader-f16'))(
    'multiplies matrices right, with emulated ones',
    async () => {
      const names = { factors: 'x', results: 'y', size: 'work.rounds' }
      await checkCase(runtime, withEmulatedMatrices(matrices, [units!], runtime.capabilities, names))
    },
  )

  it('has two lines, and leaves no memory behind', async () => {
    const before = runtime.allocatedBytes
    const { gflops, gbps } = await measureRoof(runtime)
    expect(runtime.allocatedBytes).toBe(before)
    expect(gflops).toBeGreaterThan(0.1)
    expect(gbps).toBeGreaterThan(0.05)
    expect(gflops).toBeLessThan(1e6)
    expect(gbps).toBeLessThan(1e5)
  })
})

describe('statistics', () => {
  it('do not care about one bad value', () => {
    expect(median([3, 1, 1000, 2, 2])).toBe(2)
    expect(medianDeviation([3, 1, 1000, 2, 2])).toBe(1)
  })
})
