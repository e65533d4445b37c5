import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import type { UpsampledConv3dParams } from './geometry.ts'
import { upsampledConv3dInputOp, upsampledConv3dOp, upsampledConv3dWeightOp } from './op.ts'

/** Sizes of one convolution of an upsampled volume. */
export interface UpsampledConv3dProblem extends UpsampledConv3dParams {
  readonly batch: number
  /** D, H, W at low resolution. */
  readonly size: readonly [number, number, number]
  readonly inputs: number
  readonly outputs: number
}

const problems: readonly UpsampledConv3dProblem[] = [
  // Several fours of channels on both sides, whole ones and with a rest.
  { mode: 'replicate', batch: 1, size: [1, 2, 2], inputs: 12, outputs: 16 },
  { mode: 'zero', batch: 1, size: [2, 1, 2], inputs: 13, outputs: 11 },
  { mode: 'replicate', batch: 1, size: [3, 5, 6], inputs: 1, outputs: 4 },
  { mode: 'zero', batch: 2, size: [2, 4, 4], inputs: 5, outputs: 9 },
  { mode: 'replicate', batch: 2, size: [1, 2, 1], inputs: 3, outputs: 2 },
  { mode: 'zero', batch: 1, size: [1, 1, 3], inputs: 9, outputs: 1 },
  { mode: 'replicate', batch: 1, size: [2, 2, 2], inputs: 19, outputs: 33 },
  { mode: 'replicate', batch: 1, size: [2, 3, 10], inputs: 2, outputs: 3 },
]

const describe = ({ batch, size, inputs, outputs, mode }: UpsampledConv3dProblem): string =>
  `x[${[batch, ...size, inputs]}]→${outputs} ${mode}`

function shapes({ batch, size, inputs, outputs }: UpsampledConv3dProblem) {
  return {
    x: f32(batch, ...size, inputs),
    w: f32(3, 3, 3, inputs, outputs),
    y: f32(batch, ...size.map((axis) => 2 * axis), outputs),
  }
}

function forward(p: UpsampledConv3dProblem, addend: boolean): OpCase {
  const { x, w, y } = shapes(p)
  return {
    op: upsampledConv3dOp,
    name: `${describe(p)}${addend ? ' plus an addend' : ''}`,
    inputs: [x, w, ...(addend ? [y] : [])].map((spec) => ({ spec })),
    build: (inputs) => apply(upsampledConv3dOp, inputs, { mode: p.mode }),
    order: 2,
  }
}

function inputGradient(p: UpsampledConv3dProblem): OpCase {
  const { w, y } = shapes(p)
  return {
    op: upsampledConv3dInputOp,
    name: describe(p),
    inputs: [{ spec: y }, { spec: w }],
    build: (inputs) => apply(upsampledConv3dInputOp, inputs, { mode: p.mode }),
    order: 2,
  }
}

function weightGradient(p: UpsampledConv3dProblem): OpCase {
  const { x, y } = shapes(p)
  return {
    op: upsampledConv3dWeightOp,
    name: describe(p),
    inputs: [{ spec: x }, { spec: y }],
    build: (inputs) => apply(upsampledConv3dWeightOp, inputs, { mode: p.mode }),
    order: 2,
    tolerance: 2e-5,
  }
}

/** A case for one member of the family, for tests of single kernels. */
export function upsampledConv3dCase(
  op: 'upsampledConv3d' | 'upsampledConv3dInput' | 'upsampledConv3dWeight',
  problem: UpsampledConv3dProblem,
): OpCase {
  if (op === 'upsampledConv3d') return forward(problem, true)
  return op === 'upsampledConv3dInput' ? inputGradient(problem) : weightGradient(problem)
}

export const upsampledConv3dCases: OpCases = {
  cases: [
    ...problems.map((problem) => forward(problem, problem.batch === 2)),
    ...problems.map(inputGradient),
    ...problems.map(weightGradient),
  ],
  fuzz(pick) {
    const problem: UpsampledConv3dProblem = {
      mode: pick(0, 1) === 0 ? 'zero' : 'replicate',
      batch: pick(1, 3),
      size: [pick(1, 4), pick(1, 5), pick(1, 9)],
      inputs: pick(1, 11),
      outputs: pick(1, 18),
    }
    return [
      () => forward(problem, pick(0, 1) === 1),
      () => inputGradient(problem),
      () => weightGradient(problem),
    ][pick(0, 2)]!()
  },
}
