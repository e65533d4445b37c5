import { elements, type Spec } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Program } from '../../op.ts'
import { mul, sub } from '../pointwise/binary.ts'
import { sum } from '../reduce/op.ts'
import { reshape } from '../reshape/op.ts'

const source = () => import('./rows.wgsl')
const KIND = { softmax: 0, logSumExp: 1, softmaxGradient: 2 } as const

const lengthOf = (x: Spec): number => x.shape[x.shape.length - 1]!

function program(kind: keyof typeof KIND, x: Spec): Program {
  const rows = elements(x.shape) / lengthOf(x)
  return {
    stages: [
      {
        source,
        file: `rows.wgsl:${kind}`,
        constants: { KIND: KIND[kind] },
        bindings: ['input0', kind === 'softmaxGradient' ? 'input1' : 'input0', 'output'],
        uniforms: { u32: [rows, lengthOf(x)] },
        grid: linearGrid(rows, 64),
      },
    ],
  }
}

function* rowsOf(
  values: Float64Array,
  length: number,
): Generator<readonly [row: number, values: Float64Array]> {
  for (let row = 0; row * length < values.length; row++) {
    yield [row, values.subarray(row * length, (row + 1) * length)]
  }
}

function logSumExpOf(row: Float64Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b))
  return largest + Math.log(row.reduce((total, value) => total + Math.exp(value - largest), 0))
}

export const softmaxOp: Op<null> = {
  name: 'softmax',
  infer: ([x]) => x!,
  reference([x], _, [spec]) {
    const y = new Float64Array(x!.length)
    for (const [row, values] of rowsOf(x!, lengthOf(spec!))) {
      const total = logSumExpOf(values)
      y.set(
        values.map((value) => Math.exp(value - total)),
        row * values.length,
      )
    }
    return y
  },
  vjp: (ct, _inputs, y) => [() => softmaxGradient(ct, y)],
  kernels: [{ name: 'rows', program: ([x]) => program('softmax', x!) }],
}

/** `y·(ct − Σ ct·y)`: what softmax makes of a cotangent, from its own output. */
export const softmaxGradientOp: Op<null> = {
  name: 'softmaxGradient',
  infer: ([ct]) => ct!,
  reference([ct, y], _, [spec]) {
    const dx = new Float64Array(ct!.length)
    const length = lengthOf(spec!)
    for (const [row, values] of rowsOf(ct!, length)) {
      const at = row * length
      const dot = values.reduce((total, value, index) => total + value * y![at + index]!, 0)
      values.forEach((value, index) => {
        dx[at + index] = y![at + index]! * (value - dot)
      })
    }
    return dx
  },
  vjp: (ct2, [ct, y]) => [
    () => softmaxGradient(ct2, y!),
    () => sub(mul(ct2, sub(ct!, rowSum(mul(ct!, y!)))), mul(ct!, rowSum(mul(ct2, y!)))),
  ],
  kernels: [{ name: 'rows', program: ([ct]) => program('softmaxGradient', ct!) }],
}

export const logSumExpOp: Op<null> = {
  name: 'logSumExp',
  infer: ([x]) => ({ shape: [...x!.shape.slice(0, -1), 1], dtype: 'f32' }),
  reference([x], _, [spec]) {
    return Float64Array.from([...rowsOf(x!, lengthOf(spec!))], ([, values]) => logSumExpOf(values))
  },
  vjp: (ct, [x]) => [() => mul(ct, softmax(x!))],
  kernels: [{ name: 'rows', program: ([x]) => program('logSumExp', x!) }],
}

const softmaxGradient = (ct: Tensor, y: Tensor): Tensor => apply(softmaxGradientOp, [ct, y], null)
const rowSum = (x: Tensor): Tensor => sum(x, [x.shape.length - 1], true)

/** Probabilities along the last axis. */
export const softmax = (x: Tensor): Tensor => apply(softmaxOp, [x], null)

/** `log Σ e^x` along the last axis, which disappears. */
export const logSumExp = (x: Tensor): Tensor => reshape(apply(logSumExpOp, [x], null), x.shape.slice(0, -1))

/** Logarithms of the probabilities along the last axis. */
export const logSoftmax = (x: Tensor): Tensor => sub(x, apply(logSumExpOp, [x], null))
