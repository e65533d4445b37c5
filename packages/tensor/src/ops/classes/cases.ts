import { f32, u32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { classSumsOp, oneHotOp, spreadClassesOp } from './op.ts'

function classCases(batch: number, voxels: readonly number[], classes: number): OpCase[] {
  const shape = [batch, ...voxels, classes]
  const name = `[${shape}]`
  const labels = { spec: u32(batch, ...voxels), classes }
  const sums = { spec: f32(batch, classes, 2) }
  return [
    {
      op: classSumsOp,
      name,
      inputs: [{ spec: f32(...shape) }, labels],
      build: (inputs) => apply(classSumsOp, inputs, null),
      order: 2,
    },
    {
      op: spreadClassesOp,
      name,
      inputs: [sums, labels],
      build: (inputs) => apply(spreadClassesOp, inputs, { shape }),
      order: 2,
    },
    {
      op: oneHotOp,
      name,
      inputs: [labels],
      build: (inputs) => apply(oneHotOp, inputs, { classes }),
      order: 0,
    },
  ]
}

export const classesCases: OpCases = {
  cases: [...classCases(3, [4, 5, 3], 4), ...classCases(2, [9, 8, 7], 4), ...classCases(5, [], 3)],
  fuzz: (pick) => classCases(pick(1, 4), [pick(1, 700)], pick(1, 6))[pick(0, 2)]!,
}
