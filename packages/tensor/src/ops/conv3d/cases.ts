import { elements, f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases, Pick } from '../../op-case.ts'
import { type Conv3dParams, outputSize } from './geometry.ts'
import { conv3dInputOp, conv3dOp, conv3dWeightOp } from './op.ts'

/** Sizes of one convolution. */
export interface Conv3dProblem extends Conv3dParams {
  readonly batch: number
  readonly size: readonly [number, number, number]
  readonly inputs: number
  readonly outputs: number
}

const same3 = { kernel: 3, stride: 1, padding: 1 } as const

const problems: readonly Conv3dProblem[] = [
  // Several fours of channels on both sides, whole ones and with a rest, where a stride is and where there is none.
  { ...same3, mode: 'replicate', batch: 1, size: [1, 2, 5], inputs: 12, outputs: 16 },
  { ...same3, mode: 'zero', batch: 1, size: [2, 1, 5], inputs: 13, outputs: 11 },
  { kernel: 3, stride: 2, padding: 1, mode: 'replicate', batch: 1, size: [4, 3, 5], inputs: 16, outputs: 12 },
  { kernel: 3, stride: 2, padding: 1, mode: 'zero', batch: 1, size: [3, 4, 3], inputs: 9, outputs: 15 },
  { ...same3, mode: 'replicate', batch: 1, size: [5, 6, 7], inputs: 1, outputs: 4 },
  { ...same3, mode: 'zero', batch: 2, size: [4, 4, 4], inputs: 5, outputs: 9 },
  { ...same3, mode: 'replicate', batch: 2, size: [1, 2, 1], inputs: 3, outputs: 2 },
  { ...same3, mode: 'replicate', batch: 1, size: [3, 9, 17], inputs: 2, outputs: 17 },
  { ...same3, mode: 'replicate', batch: 1, size: [2, 2, 2], inputs: 17, outputs: 3 },
  { ...same3, mode: 'replicate', batch: 2, size: [1, 4, 4], inputs: 9, outputs: 2 },
  { ...same3, mode: 'replicate', batch: 1, size: [3, 8, 8], inputs: 3, outputs: 4 },
  { ...same3, mode: 'replicate', batch: 1, size: [2, 8, 16], inputs: 10, outputs: 3 },
  { ...same3, mode: 'zero', batch: 1, size: [2, 5, 11], inputs: 5, outputs: 14 },
  { ...same3, mode: 'replicate', batch: 2, size: [3, 4, 5], inputs: 8, outputs: 20 },
  { kernel: 3, stride: 2, padding: 1, mode: 'replicate', batch: 1, size: [5, 4, 6], inputs: 20, outputs: 4 },
  { kernel: 1, stride: 1, padding: 0, mode: 'zero', batch: 2, size: [3, 2, 5], inputs: 6, outputs: 3 },
  { kernel: 3, stride: 2, padding: 1, mode: 'replicate', batch: 2, size: [5, 8, 6], inputs: 2, outputs: 3 },
  { kernel: 3, stride: 2, padding: 1, mode: 'zero', batch: 1, size: [7, 4, 5], inputs: 3, outputs: 2 },
  { kernel: 3, stride: 2, padding: 1, mode: 'replicate', batch: 1, size: [2, 3, 19], inputs: 5, outputs: 6 },
  { kernel: 4, stride: 2, padding: 1, mode: 'zero', batch: 1, size: [6, 6, 8], inputs: 2, outputs: 3 },
  { kernel: 3, stride: 1, padding: 0, mode: 'zero', batch: 1, size: [4, 5, 6], inputs: 2, outputs: 2 },
  { kernel: 5, stride: 3, padding: 2, mode: 'replicate', batch: 1, size: [7, 6, 9], inputs: 2, outputs: 2 },
  { kernel: 1, stride: 2, padding: 1, mode: 'replicate', batch: 1, size: [1, 2, 3], inputs: 2, outputs: 3 },
]

/**
 * The convolutions of a 3D U-Net of four levels (see `uNet3d` of the models) whose first has `base` output channels, for
 * patches of `side` voxels: each one that differs, in the order of the forward pass, the decoder's before it is split.
 */
export function uNetLayers(base: number, side: number, batch: number): readonly Conv3dProblem[] {
  const layer = (level: number, inputs: number, outputs: number): Conv3dProblem => {
    const size = side >> level
    return { ...same3, mode: 'replicate', batch, size: [size, size, size], inputs, outputs }
  }
  return [
    layer(0, 1, base),
    layer(0, base, 2 * base),
    layer(1, 2 * base, 2 * base),
    layer(1, 2 * base, 4 * base),
    layer(2, 4 * base, 4 * base),
    layer(2, 4 * base, 8 * base),
    layer(3, 8 * base, 8 * base),
    layer(3, 8 * base, 16 * base),
    layer(2, 24 * base, 8 * base),
    layer(2, 8 * base, 8 * base),
    layer(1, 12 * base, 4 * base),
    layer(1, 4 * base, 4 * base),
    layer(0, 6 * base, 2 * base),
    layer(0, 2 * base, 2 * base),
    { ...layer(0, 2 * base, 4), kernel: 1, padding: 0, mode: 'zero' },
  ]
}

const describe = (p: Conv3dProblem): string =>
  `x[${[p.batch, ...p.size, p.inputs]}]→${p.outputs} k${p.kernel} s${p.stride} p${p.padding} ${p.mode}`

function shapes(p: Conv3dProblem) {
  const output = p.size.map((size) => outputSize(size, p))
  return {
    x: f32(p.batch, ...p.size, p.inputs),
    w: f32(p.kernel, p.kernel, p.kernel, p.inputs, p.outputs),
    y: f32(p.batch, ...output, p.outputs),
  }
}

const paramsOf = ({ kernel, stride, padding, mode }: Conv3dProblem): Conv3dParams => ({
  kernel,
  stride,
  padding,
  mode,
})

function forward(p: Conv3dProblem, bias: boolean): OpCase {
  const { x, w } = shapes(p)
  return {
    op: conv3dOp,
    name: `${describe(p)}${bias ? ' with bias' : ''}`,
    inputs: [{ spec: x }, { spec: w }, ...(bias ? [{ spec: f32(p.outputs) }] : [])],
    build: (inputs) => apply(conv3dOp, inputs, paramsOf(p)),
    order: 2,
  }
}

function inputGradient(p: Conv3dProblem): OpCase {
  const { x, w, y } = shapes(p)
  return {
    op: conv3dInputOp,
    name: describe(p),
    inputs: [{ spec: y }, { spec: w }],
    build: (inputs) => apply(conv3dInputOp, inputs, { ...paramsOf(p), shape: x.shape }),
    order: 2,
  }
}

function weightGradient(p: Conv3dProblem): OpCase {
  const { x, w, y } = shapes(p)
  return {
    op: conv3dWeightOp,
    name: describe(p),
    inputs: [{ spec: x }, { spec: y }],
    build: (inputs) => apply(conv3dWeightOp, inputs, { ...paramsOf(p), shape: w.shape }),
    order: 2,
    tolerance: 2e-5,
  }
}

/** A case for one member of the family, for benches of chosen sizes. */
export function conv3dCase(op: 'conv3d' | 'conv3dInput' | 'conv3dWeight', problem: Conv3dProblem): OpCase {
  if (op === 'conv3d') return forward(problem, false)
  return op === 'conv3dInput' ? inputGradient(problem) : weightGradient(problem)
}

/** A small problem of odd sizes that has an output. */
function randomProblem(pick: Pick): Conv3dProblem {
  const unusual = pick(0, 2) === 0
  const convolution = unusual ? { kernel: pick(1, 4), stride: pick(1, 3), padding: pick(0, 2) } : same3
  const size = [pick(1, 7), pick(1, 9), pick(1, 19)] as const
  const problem: Conv3dProblem = {
    ...convolution,
    mode: pick(0, 1) === 0 ? 'zero' : 'replicate',
    batch: pick(1, 3),
    size,
    inputs: pick(1, 11),
    outputs: pick(1, 18),
  }
  return elements(size.map((axis) => Math.max(0, outputSize(axis, problem)))) > 0
    ? problem
    : randomProblem(pick)
}

export const conv3dCases: OpCases = {
  cases: [
    ...problems.map((problem) => forward(problem, problem.batch === 2)),
    ...problems.map(inputGradient),
    ...problems.map(weightGradient),
  ],
  fuzz(pick) {
    const problem = randomProblem(pick)
    return [
      () => forward(problem, pick(0, 1) === 1),
      () => inputGradient(problem),
      () => weightGradient(problem),
    ][pick(0, 2)]!()
  },
}
