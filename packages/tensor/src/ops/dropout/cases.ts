import { u32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { channelMaskOp } from './op.ts'

const maskCase = (count: number, rate: number, stream: number): OpCase => ({
  op: channelMaskOp,
  name: `${count} channels at ${rate}, stream ${stream}`,
  inputs: [{ spec: u32(), classes: 2 ** 31 }],
  build: (inputs) => apply(channelMaskOp, inputs, { shape: [count], rate, stream }),
  order: 0,
})

export const dropoutCases: OpCases = {
  cases: [maskCase(1000, 0.25, 0), maskCase(77, 0.5, 3), maskCase(5, 0, 1)],
}
