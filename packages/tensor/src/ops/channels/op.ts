import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, packing, type Slot, type Stage } from '../../op.ts'

const source = () => import('./columns.wgsl')
const lengthOf = (shape: readonly number[]): number => shape[shape.length - 1]!
const withLength = (shape: readonly number[], length: number): number[] => [...shape.slice(0, -1), length]

interface Move {
  readonly width: number
  readonly from: number
  readonly to: number
}

/** Rows of one invocation, so that it divides once for all of them. */
const ROWS_EACH = 8

/** `y[row, to + c] = x[row, from + c]`; the rest of y becomes zero if `fill`, else it is left alone. */
function moveColumns(
  x: Spec,
  y: Spec,
  { width, from, to }: Move,
  bindings: readonly Slot[],
  fill: boolean,
): Stage {
  const rows = elements(x.shape) / lengthOf(x.shape)
  const shares = Math.ceil(rows / ROWS_EACH)
  const layout = [width, lengthOf(x.shape), from, lengthOf(y.shape), to]
  const { numbers, constants } = packing(...layout)
  const [columns, , , yColumns] = layout.map((length) => length / numbers) as [number, number, number, number]
  return {
    source,
    file: fill ? 'columns.wgsl:fill' : 'columns.wgsl',
    constants: { ...constants, FILL: fill ? 1 : 0 },
    bindings,
    uniforms: { u32: [rows, shares, ...layout.map((length) => length / numbers)] },
    grid: linearGrid(shares * (fill ? yColumns : columns), 64),
  }
}

function moveReference(
  x: Float64Array,
  xLength: number,
  y: Float64Array,
  yLength: number,
  { width, from, to }: Move,
) {
  for (let row = 0; row * xLength < x.length; row++) {
    y.set(x.subarray(row * xLength + from, row * xLength + from + width), row * yLength + to)
  }
}

export const concatOp: Op<null> = {
  name: 'concat',
  infer(inputs) {
    const [first] = inputs
    if (inputs.some(({ shape }) => !sameShape(shape.slice(0, -1), first!.shape.slice(0, -1)))) {
      throw new ShapeError('concat', 'all operands must agree on every axis but the last')
    }
    if (inputs.some(({ dtype }) => dtype !== first!.dtype)) {
      throw new ShapeError('concat', 'all operands must have the same type')
    }
    const length = inputs.reduce((sum, { shape }) => sum + lengthOf(shape), 0)
    return { shape: withLength(first!.shape, length), dtype: first!.dtype }
  },
  reference(inputs, _, specs, output) {
    const y = new Float64Array(elements(output.shape))
    let to = 0
    inputs.forEach((x, index) => {
      const width = lengthOf(specs[index]!.shape)
      moveReference(x, width, y, lengthOf(output.shape), { width, from: 0, to })
      to += width
    })
    return y
  },
  vjp(ct, inputs) {
    let start = 0
    return inputs.map(({ shape }) => {
      const from = start
      start += lengthOf(shape)
      return () => sliceChannels(ct, from, lengthOf(shape))
    })
  },
  kernels: [
    {
      name: 'columns',
      program(inputs, y) {
        let to = 0
        const stages = inputs.map((x, index) => {
          const width = lengthOf(x.shape)
          const stage = moveColumns(x, y, { width, from: 0, to }, [`input${index}`, 'output'], false)
          to += width
          return stage
        })
        return { stages }
      },
    },
  ],
}

interface SliceParams {
  readonly from: number
  readonly width: number
}

export const sliceChannelsOp: Op<SliceParams> = {
  name: 'sliceChannels',
  infer([x], { from, width }) {
    if (from < 0 || width < 1 || from + width > lengthOf(x!.shape)) {
      throw new ShapeError(
        'sliceChannels',
        `no channels ${from} to ${from + width - 1} in [${x!.shape.join(',')}]`,
      )
    }
    return { shape: withLength(x!.shape, width), dtype: x!.dtype }
  },
  reference([x], { from, width }, [spec], output) {
    const y = new Float64Array(elements(output.shape))
    moveReference(x!, lengthOf(spec!.shape), y, width, { width, from, to: 0 })
    return y
  },
  vjp: (ct, [x], _, { from }) => [() => apply(padChannelsOp, [ct], { to: from, length: lengthOf(x!.shape) })],
  kernels: [
    {
      name: 'columns',
      program: ([x], y, { from, width }) => ({
        stages: [moveColumns(x!, y, { width, from, to: 0 }, ['input0', 'output'], false)],
      }),
    },
  ],
}

/** The adjoint of a slice: its channels in a longer row of zeros. */
export const padChannelsOp: Op<{ readonly to: number; readonly length: number }> = {
  name: 'padChannels',
  infer: ([x], { length }) => ({ shape: withLength(x!.shape, length), dtype: x!.dtype }),
  reference([x], { to, length }, [spec], output) {
    const y = new Float64Array(elements(output.shape))
    const width = lengthOf(spec!.shape)
    moveReference(x!, width, y, length, { width, from: 0, to })
    return y
  },
  vjp: (ct, [x], _, { to }) => [() => sliceChannels(ct, to, lengthOf(x!.shape))],
  kernels: [
    {
      name: 'columns',
      program: ([x], y, { to }) => ({
        stages: [moveColumns(x!, y, { width: lengthOf(x!.shape), from: 0, to }, ['input0', 'output'], true)],
      }),
    },
  ],
}

/** Tensors side by side along the last axis. */
export const concat = (inputs: readonly Tensor[]): Tensor => apply(concatOp, inputs, null)

/** Channels `from` to `from + width − 1` of the last axis. */
export const sliceChannels = (x: Tensor, from: number, width: number): Tensor =>
  apply(sliceChannelsOp, [x], { from, width })
