import { broadcastShapes, elements, type Spec, sameShape, strides } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Program, packing } from '../../op.ts'
import { padRank, rankFits, stretchedStrides } from '../broadcast/op.ts'
import { sumTo } from '../reduce/op.ts'
import { affine, changed, inFours, square } from './unary.ts'

const broadcastText = () => import('./binary.broadcast.wgsl')
const sameText = () => import('./binary.wgsl')

/** One pointwise function of two values: WGSL expression, float64 truth and derivatives before broadcasting. */
interface BinaryRow {
  readonly name: string
  /** A WGSL expression of `a` and `b`. */
  readonly wgsl: string
  value(a: number, b: number): number
  gradients(ct: Tensor, a: Tensor, b: Tensor): readonly [() => Tensor, () => Tensor]
}

function sameProgram(row: BinaryRow, length: number): Program {
  const { numbers, constants } = packing(length)
  const count = length / numbers
  return {
    stages: [
      {
        source: changed(sameText, (source) =>
          inFours(source, 'f(p, q)', numbers).replace('return a;', `return ${row.wgsl};`),
        ),
        file: `binary.wgsl:${row.name}`,
        constants,
        bindings: ['input0', 'input1', 'output'],
        uniforms: { u32: [count] },
        grid: linearGrid(count, 64),
      },
    ],
  }
}

function broadcastProgram(row: BinaryRow, a: Spec, b: Spec, y: Spec): Program {
  const count = elements(y.shape)
  const layout = [
    padRank(y.shape, 1).slice(1),
    padRank(stretchedStrides(a.shape, y.shape), 0),
    padRank(stretchedStrides(b.shape, y.shape), 0),
  ]
  return {
    stages: [
      {
        source: changed(broadcastText, (source) => source.replace('return a;', `return ${row.wgsl};`)),
        file: `binary.broadcast.wgsl:${row.name}`,
        bindings: ['input0', 'input1', 'output'],
        uniforms: { u32: [count, ...layout.flat()] },
        grid: linearGrid(count, 64),
      },
    ],
  }
}

function binaryOp(row: BinaryRow): Op<null> {
  return {
    name: row.name,
    // The wider type of the two.
    infer: ([a, b]) => ({
      shape: broadcastShapes(row.name, a!.shape, b!.shape),
      dtype: a!.dtype === 'f16' && b!.dtype === 'f16' ? 'f16' : 'f32',
    }),
    reference([a, b], _, [specA, specB], { shape }) {
      const stridesY = strides(shape)
      const stridesA = stretchedStrides(specA!.shape, shape)
      const stridesB = stretchedStrides(specB!.shape, shape)
      return Float64Array.from({ length: elements(shape) }, (_value, index) => {
        let atA = 0
        let atB = 0
        shape.forEach((size, axis) => {
          const coordinate = Math.floor(index / stridesY[axis]!) % size
          atA += coordinate * stridesA[axis]!
          atB += coordinate * stridesB[axis]!
        })
        return row.value(a![atA]!, b![atB]!)
      })
    },
    vjp(ct, [a, b]) {
      const [gradientA, gradientB] = row.gradients(ct, a!, b!)
      return [() => sumTo(gradientA(), a!.shape), () => sumTo(gradientB(), b!.shape)]
    },
    kernels: [
      {
        name: 'same',
        fits: (_, [a, b]) => sameShape(a!.shape, b!.shape),
        program: (_, y) => sameProgram(row, elements(y.shape)),
      },
      {
        name: 'broadcast',
        fits: (_, _inputs, y) => rankFits(y.shape),
        program: ([a, b], y) => broadcastProgram(row, a!, b!, y),
      },
    ],
  }
}

export const addOp = binaryOp({
  name: 'add',
  wgsl: 'a + b',
  value: (a, b) => a + b,
  gradients: (ct) => [() => ct, () => ct],
})

export const subOp = binaryOp({
  name: 'sub',
  wgsl: 'a - b',
  value: (a, b) => a - b,
  gradients: (ct) => [() => ct, () => affine(ct, -1, 0)],
})

export const mulOp = binaryOp({
  name: 'mul',
  wgsl: 'a * b',
  value: (a, b) => a * b,
  gradients: (ct, a, b) => [() => mul(ct, b), () => mul(ct, a)],
})

export const divOp = binaryOp({
  name: 'div',
  wgsl: 'a / b',
  value: (a, b) => a / b,
  gradients: (ct, a, b) => [() => div(ct, b), () => affine(div(mul(ct, a), square(b)), -1, 0)],
})

export const binaryOps = [addOp, subOp, mulOp, divOp]

/** Sum of two tensors, broadcast by NumPy's rule (as are the next three). */
export const add = (a: Tensor, b: Tensor): Tensor => apply(addOp, [a, b], null)
export const sub = (a: Tensor, b: Tensor): Tensor => apply(subOp, [a, b], null)
export const mul = (a: Tensor, b: Tensor): Tensor => apply(mulOp, [a, b], null)
export const div = (a: Tensor, b: Tensor): Tensor => apply(divOp, [a, b], null)
