import { elements } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { type KernelText, linearGrid, type Op, packing, textOf } from '../../op.ts'
import { div, mul } from './binary.ts'

const text = () => import('./unary.wgsl')

/** Two numbers that a row may use, e.g. the slope of a leaky ReLU. */
export interface UnaryParams {
  readonly a: number
  readonly b: number
}

/** One pointwise function: WGSL expression, float64 truth and derivative. */
interface UnaryRow {
  readonly name: string
  /** A WGSL expression of `x`, `a` and `b`; unary.wgsl has functions for it. */
  readonly wgsl: string
  value(x: number, params: UnaryParams): number
  gradient(ct: Tensor, x: Tensor, y: Tensor, params: UnaryParams): Tensor
}

/** A text that is changed when it is loaded. */
export const changed =
  (text: KernelText, change: (source: string) => string): KernelText =>
  async () => ({ default: change(await textOf(text)) })

/** A kernel's text for elements of so many numbers: the function is called for each number of `p` and `q`. */
export function inFours(text: string, call: string, numbers: 1 | 4): string {
  if (numbers === 1) return text
  const calls = ['x', 'y', 'z', 'w'].map((lane) => call.replaceAll(/\b[pq]\b/g, `$&.${lane}`))
  return text.replace(call, `vec4f(${calls.join(', ')})`)
}

function unaryOp(row: UnaryRow): Op<UnaryParams> {
  return {
    name: row.name,
    infer: ([x]) => x!,
    reference: ([x], params) => x!.map((value) => row.value(value, params)),
    vjp: (ct, [x], y, params) => [() => row.gradient(ct, x!, y, params)],
    kernels: [
      {
        name: 'direct',
        program: ([x], _, { a, b }) => {
          const { numbers, constants } = packing(elements(x!.shape))
          const count = elements(x!.shape) / numbers
          return {
            stages: [
              {
                source: changed(text, (source) =>
                  inFours(source, 'f(p, shape.a, shape.b)', numbers).replace(
                    'return x;',
                    `return ${row.wgsl};`,
                  ),
                ),
                file: `unary.wgsl:${row.name}`,
                constants,
                bindings: ['input0', 'output'],
                uniforms: { u32: [count], f32: [a, b] },
                grid: linearGrid(count, 64),
              },
            ],
          }
        },
      },
    ],
  }
}

export const affineOp = unaryOp({
  name: 'affine',
  wgsl: 'x * a + b',
  value: (x, { a, b }) => x * a + b,
  gradient: (ct, _x, _y, { a }) => affine(ct, a, 0),
})

export const leakyReluOp = unaryOp({
  name: 'leakyRelu',
  wgsl: 'select(a * x, x, x > 0.0)',
  value: (x, { a }) => (x > 0 ? x : a * x),
  gradient: (ct, x, _y, { a }) => mul(ct, slope(x, a)),
})

/** The derivative of leakyRelu: 1 above zero, `a` at and below it (PyTorch's convention). */
export const slopeOp = unaryOp({
  name: 'slope',
  wgsl: 'select(a, 1.0, x > 0.0)',
  value: (x, { a }) => (x > 0 ? 1 : a),
  gradient: (_ct, x) => affine(x, 0, 0),
})

export const sigmoidOp = unaryOp({
  name: 'sigmoid',
  // The exponent is never positive, so that nothing overflows.
  wgsl: 'select(select(exp(-abs(x)), 1.0, x >= 0.0) / (1.0 + exp(-abs(x))), x, isNan(x))',
  value: (x) => (x >= 0 ? 1 : Math.exp(x)) / (1 + Math.exp(-Math.abs(x))),
  // σ(x)·σ(−x). The shorter y·(1 − y) loses its digits where y is close to 1, and is 0 from x = 17 on.
  gradient: (ct, x, y) => mul(ct, mul(y, sigmoid(negate(x)))),
})

export const expOp = unaryOp({
  name: 'exp',
  wgsl: 'select(exp(x), x, isNan(x))',
  value: (x) => Math.exp(x),
  gradient: (ct, _x, y) => mul(ct, y),
})

export const logOp = unaryOp({
  name: 'log',
  wgsl: 'logarithm(x)',
  value: (x) => Math.log(x),
  gradient: (ct, x) => div(ct, x),
})

export const squareOp = unaryOp({
  name: 'square',
  wgsl: 'x * x',
  value: (x) => x * x,
  gradient: (ct, x) => mul(ct, affine(x, 2, 0)),
})

export const sqrtOp = unaryOp({
  name: 'sqrt',
  wgsl: 'sqrt(x)',
  value: (x) => Math.sqrt(x),
  gradient: (ct, _x, y) => div(affine(ct, 0.5, 0), y),
})

export const unaryOps = [affineOp, leakyReluOp, slopeOp, sigmoidOp, expOp, logOp, squareOp, sqrtOp]

const none: UnaryParams = { a: 0, b: 0 }

/** `scale·x + shift`. */
export const affine = (x: Tensor, scale: number, shift: number): Tensor =>
  apply(affineOp, [x], { a: scale, b: shift })
/** `−x`. */
export const negate = (x: Tensor): Tensor => affine(x, -1, 0)
/** `max(x, 0)`, with gradient 0 at 0. */
export const relu = (x: Tensor): Tensor => leakyRelu(x, 0)
/** `x` above zero, `slope·x` at and below it. */
export const leakyRelu = (x: Tensor, negativeSlope: number): Tensor =>
  apply(leakyReluOp, [x], { a: negativeSlope, b: 0 })
const slope = (x: Tensor, a: number): Tensor => apply(slopeOp, [x], { a, b: 0 })
/** `1 / (1 + e^−x)`, exact to rounding for any x. */
export const sigmoid = (x: Tensor): Tensor => apply(sigmoidOp, [x], none)
export const exp = (x: Tensor): Tensor => apply(expOp, [x], none)
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => apply(logOp, [x], none)
export const square = (x: Tensor): Tensor => apply(squareOp, [x], none)
export const sqrt = (x: Tensor): Tensor => apply(sqrtOp, [x], none)
