import { elements, f16, f32 } from '../graph/spec.ts'
import { apply, input } from '../graph/tensor.ts'
import { linearGrid, type Op } from '../op.ts'
import type { OpCase } from '../op-case.ts'
import { compile } from '../plan/compile.ts'
import { SlotPool } from '../plan/memory.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { fittingKernels } from './check.ts'
import matrixMultiply from './matrix-multiply.wgsl'
import multiplyAdd from './multiply-add.wgsl'
import stream from './stream.wgsl'

/** What a device was seen to do at best: the two lines of its roofline (Williams, Waterman and Patterson, 2009). */
export interface Roof {
  /** Float32 multiply-adds out of registers, each counted as two operations. */
  readonly gflops: number
  /** Copying between buffers larger than caches; a byte that is read and written counts twice. */
  readonly gbps: number
}

const CHAINS = 16
const STEPS = 16
const PIECES = 8
// The chains creep towards b / (1 − a) = 2 and never come near numbers that are slow because they are tiny.
const A = 0.999
const B = 0.002

/** `x [n] → y [n]`: per element the sum over chains that advance `rounds` · STEPS times. */
const multiplyAddOp: Op<{ readonly rounds: number }> = {
  name: 'multiplyAdd',
  infer: ([x]) => x!,
  reference: ([x], { rounds }) =>
    x!.map((start) => {
      const shrink = A ** (rounds * STEPS)
      const chain = (first: number) => first * shrink + (B * (1 - shrink)) / (1 - A)
      return Array.from({ length: CHAINS }, (_, c) => chain(start + c)).reduce((sum, value) => sum + value)
    }),
  kernels: [
    {
      name: 'registers',
      program: ([x], _, { rounds }) => ({
        stages: [
          {
            source: multiplyAdd,
            file: 'multiply-add.wgsl',
            constants: { CHAINS, STEPS },
            bindings: ['input0', 'output'],
            uniforms: { u32: [elements(x!.shape), rounds], f32: [A, B] },
            grid: linearGrid(elements(x!.shape), 64),
          },
        ],
      }),
      cost: ([x], _, { rounds }) => 2 * elements(x!.shape) * rounds * STEPS * CHAINS,
    },
  ],
}

const DOWN = 4
const ACROSS = 2
const SUBGROUPS = 4

/**
 * `x [DOWN + ACROSS, 16, 16] → y [workgroups, SUBGROUPS, DOWN, ACROSS, 16, 16]`: in every subgroup the products of the
 * first matrices with the others, times `rounds`.
 */
const matrixMultiplyOp: Op<{ readonly workgroups: number; readonly rounds: number }> = {
  name: 'matrixMultiply',
  infer: (_, { workgroups }) => f32(workgroups, SUBGROUPS, DOWN, ACROSS, 16, 16),
  reference: ([x], { rounds }, _, y) =>
    Float64Array.from({ length: elements(y.shape) }, (_, index) => {
      const [column, row] = [index % 16, Math.floor(index / 16) % 16]
      const right = DOWN + (Math.floor(index / 256) % ACROSS)
      const left = Math.floor(index / (256 * ACROSS)) % DOWN
      let sum = 0
      for (let k = 0; k < 16; k++)
        sum += x![(left * 16 + row) * 16 + k]! * x![(right * 16 + k) * 16 + column]!
      return sum * rounds
    }),
  kernels: [
    {
      name: 'registers',
      fits: ({ matrices, subgroupSize }) => matrices?.syntax === 'present' && subgroupSize === 32,
      program: (_x, _y, { workgroups, rounds }) => ({
        stages: [
          {
            source: matrixMultiply,
            file: 'matrix-multiply.wgsl',
            constants: { DOWN, ACROSS, SUBGROUPS },
            bindings: ['input0', 'output'],
            uniforms: { u32: [rounds] },
            grid: [workgroups, 1, 1],
          },
        ],
      }),
      cost: (_x, y, { rounds }) => 2 * 16 * elements(y.shape) * rounds,
    },
  ],
}

/** `x [4n] → y [4n]`, the same values. */
const streamOp: Op<null> = {
  name: 'stream',
  infer: ([x]) => x!,
  reference: ([x]) => x!.slice(),
  kernels: [
    {
      name: 'vec4',
      program: ([x]) => ({
        stages: [
          {
            source: stream,
            file: 'stream.wgsl',
            constants: { PIECES: `${PIECES}u` },
            bindings: ['input0', 'output'],
            uniforms: { u32: [elements(x!.shape) / 4] },
            grid: linearGrid(elements(x!.shape) / 4, 64 * PIECES),
          },
        ],
      }),
    },
  ],
}

/** The work that measures the peak: `threads` threads of `rounds` rounds. */
export const multiplyAddCase = (threads: number, rounds: number): OpCase => ({
  op: multiplyAddOp,
  name: `${threads} threads, ${rounds} rounds`,
  inputs: [{ spec: f32(threads) }],
  build: (inputs) => apply(multiplyAddOp, inputs, { rounds }),
})

/** The work that measures the peak of matrix units. */
export const matrixMultiplyCase = (workgroups: number, rounds: number): OpCase => ({
  op: matrixMultiplyOp,
  name: `${workgroups} workgroups, ${rounds} rounds`,
  inputs: [{ spec: f16(DOWN + ACROSS, 16, 16) }],
  build: (inputs) => apply(matrixMultiplyOp, inputs, { workgroups, rounds }),
})

/** The work that measures the bandwidth: a copy of so many numbers, a multiple of four. */
export const streamCase = (numbers: number): OpCase => ({
  op: streamOp,
  name: `${numbers} numbers`,
  inputs: [{ spec: f32(numbers), fill: 'positive' }],
  build: (inputs) => apply(streamOp, inputs, null),
})

/**
 * Measures the two lines of a device's roofline, in about a second. The best of some runs: what disturbs a run only ever
 * makes it slower.
 */
export async function measureRoof(runtime: Runtime): Promise<Roof> {
  const { software, limits } = runtime.capabilities
  // Large enough that a GPU is full, small enough that a processor is done in some milliseconds.
  const [threads, rounds, wanted] = software ? [4096, 128, 2 ** 24] : [2 ** 20, 256, 2 ** 28]
  const bytes = Math.min(wanted, limits.maxStorageBufferBindingSize, limits.maxBufferSize)
  const work = await fastest(runtime, multiplyAddCase(threads, rounds))
  const copy = await fastest(runtime, streamCase(4 * Math.floor(bytes / 16)))
  return { gflops: work.flops / work.milliseconds / 1e6, gbps: copy.bytes / copy.milliseconds / 1e6 }
}

/**
 * GFLOP/s of the device's matrix units, multiplying halves and adding up in f32; null where kernels use none. It takes
 * the place of the multiply-adds in the roofline of what is stored in half precision.
 */
export async function measureMatrixPeak(runtime: Runtime): Promise<number | null> {
  const work = matrixMultiplyCase(2048, 2048)
  if (fittingKernels(runtime.capabilities, work).length === 0) return null
  const { flops, milliseconds } = await fastest(runtime, work)
  return flops / milliseconds / 1e6
}

async function fastest(runtime: Runtime, opCase: OpCase) {
  const [{ spec }] = opCase.inputs as [OpCase['inputs'][number]]
  const output = opCase.build([input('x', spec)])
  const pool = new SlotPool(runtime)
  const plan = await compile(runtime, { name: opCase.op.name, outputs: { y: output } }, { pool })
  await plan.run({ x: new Float32Array(elements(spec.shape)).fill(1) })
  let milliseconds = Number.POSITIVE_INFINITY
  const start = performance.now()
  while (performance.now() - start < 300) milliseconds = Math.min(milliseconds, await plan.time())
  plan.dispose()
  pool.dispose()
  return { ...plan.summary, milliseconds }
}
