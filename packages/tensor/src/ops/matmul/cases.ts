import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { matmulOp } from './op.ts'

function matmulCase(
  rows: number,
  inner: number,
  columns: number,
  transposeA: boolean,
  transposeB: boolean,
): OpCase {
  const a = transposeA ? f32(inner, rows) : f32(rows, inner)
  const b = transposeB ? f32(columns, inner) : f32(inner, columns)
  return {
    op: matmulOp,
    name: `${rows}×${inner}×${columns}${transposeA ? ' aᵀ' : ''}${transposeB ? ' bᵀ' : ''}`,
    inputs: [{ spec: a }, { spec: b }],
    build: (inputs) => apply(matmulOp, inputs, { transposeA, transposeB }),
    order: 2,
  }
}

export const matmulCases: OpCases = {
  cases: [
    matmulCase(5, 7, 3, false, false),
    matmulCase(5, 7, 3, true, false),
    matmulCase(5, 7, 3, false, true),
    matmulCase(5, 7, 3, true, true),
  ],
  fuzz: (pick) => matmulCase(pick(1, 20), pick(1, 40), pick(1, 20), pick(0, 1) === 1, pick(0, 1) === 1),
}
