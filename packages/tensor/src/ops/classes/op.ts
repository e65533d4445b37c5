import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Program } from '../../op.ts'
import { sharedSum } from '../reduce/program.ts'

const classSumsSource = () => import('./class-sums.wgsl')
const oneHotSource = () => import('./one-hot.wgsl')
const spreadSource = () => import('./spread-classes.wgsl')
/** Sizes of `s [N, …voxels, C]` with its labels `[N, …voxels]`. */
function sizesOf(op: string, shape: readonly number[], labels: Spec) {
  const classes = shape[shape.length - 1]!
  const batch = shape[0]!
  if (labels.dtype !== 'u32' || !sameShape(labels.shape, shape.slice(0, -1))) {
    throw new ShapeError(op, `labels must be u32[${shape.slice(0, -1).join(',')}]`)
  }
  return { batch, classes, voxels: elements(shape) / batch / classes }
}

/** Voxels that one invocation sums. */
const VOXELS_PER_SHARE = 256

/**
 * `s [N,…,C], labels [N,…] → [N,C,2]`: the sum of channel c over the voxels of class c, and over all voxels.
 * Linear in s; every overlap measure is made of these sums.
 */
export const classSumsOp: Op<null> = {
  name: 'classSums',
  integers: [1],
  infer([s, labels]) {
    const { batch, classes } = sizesOf('classSums', s!.shape, labels!)
    return { shape: [batch, classes, 2], dtype: 'f32' }
  },
  reference([s, labels], _, [spec, labelSpec], output) {
    const { classes, voxels } = sizesOf('classSums', spec!.shape, labelSpec!)
    const sums = new Float64Array(elements(output.shape))
    s!.forEach((value, index) => {
      const voxel = Math.floor(index / classes)
      const c = index % classes
      const at = (Math.floor(voxel / voxels) * classes + c) * 2
      if (labels![voxel] === c) sums[at]! += value
      sums[at + 1]! += value
    })
    return sums
  },
  vjp: (ct, [s, labels]) => [() => apply(spreadClassesOp, [ct, labels!], { shape: s!.shape }), null],
  kernels: [
    {
      name: 'shares',
      program([s, labels], _output, _params, device): Program {
        const { batch, classes, voxels } = sizesOf('classSums', s!.shape, labels!)
        const shares = Math.ceil(voxels / VOXELS_PER_SHARE)
        return sharedSum(
          {
            source: classSumsSource,
            file: 'class-sums.wgsl',
            bindings: ['input0', 'input1', shares > 1 ? 'scratch0' : 'output'],
            uniforms: { u32: [batch, voxels, classes, shares] },
            grid: linearGrid(batch * classes * shares, 64),
          },
          shares,
          batch * classes * 2,
          device,
        )
      },
    },
  ],
}

/** The adjoint of classSums: `g [N,C,2], labels [N,…] → [N,…,C]`. */
export const spreadClassesOp: Op<{ readonly shape: readonly number[] }> = {
  name: 'spreadClasses',
  integers: [1],
  infer([g, labels], { shape }) {
    const { batch, classes } = sizesOf('spreadClasses', shape, labels!)
    if (!sameShape(g!.shape, [batch, classes, 2]))
      throw new ShapeError('spreadClasses', `g must be [${batch},${classes},2]`)
    return { shape, dtype: 'f32' }
  },
  reference([g, labels], { shape }, [, labelSpec]) {
    const { classes, voxels } = sizesOf('spreadClasses', shape, labelSpec!)
    return Float64Array.from({ length: elements(shape) }, (_value, index) => {
      const voxel = Math.floor(index / classes)
      const c = index % classes
      const at = (Math.floor(voxel / voxels) * classes + c) * 2
      return (labels![voxel] === c ? g![at]! : 0) + g![at + 1]!
    })
  },
  vjp: (ct, [, labels]) => [() => apply(classSumsOp, [ct, labels!], null), null],
  kernels: [
    {
      name: 'direct',
      program([, labels], { shape }): Program {
        const { classes, voxels } = sizesOf('spreadClasses', shape, labels!)
        const count = elements(shape)
        return {
          stages: [
            {
              source: spreadSource,
              file: 'spread-classes.wgsl',
              bindings: ['input0', 'input1', 'output'],
              uniforms: { u32: [count, voxels, classes] },
              grid: linearGrid(count, 64),
            },
          ],
        }
      },
    },
  ],
}

export const oneHotOp: Op<{ readonly classes: number }> = {
  name: 'oneHot',
  integers: [0],
  infer([labels], { classes }) {
    if (labels!.dtype !== 'u32') throw new ShapeError('oneHot', 'labels must be u32')
    return { shape: [...labels!.shape, classes], dtype: 'f32' }
  },
  reference: ([labels], { classes }) =>
    Float64Array.from({ length: labels!.length * classes }, (_, index) =>
      labels![Math.floor(index / classes)] === index % classes ? 1 : 0,
    ),
  vjp: () => [null],
  kernels: [
    {
      name: 'direct',
      program: (_, y, { classes }) => {
        const count = elements(y.shape)
        return {
          stages: [
            {
              source: oneHotSource,
              file: 'one-hot.wgsl',
              bindings: ['input0', 'output'],
              uniforms: { u32: [count, classes] },
              grid: linearGrid(count, 64),
            },
          ],
        }
      },
    },
  ],
}

/** Per sample and class: `[Σ of s over the class's voxels, Σ of s over all voxels]`, for `s [N,…,C]`, `labels [N,…]`. */
export const classSums = (s: Tensor, labels: Tensor): Tensor => apply(classSumsOp, [s, labels], null)

/** `labels [N,…]` as indicators `[N,…,classes]`. */
export const oneHot = (labels: Tensor, classes: number): Tensor => apply(oneHotOp, [labels], { classes })
