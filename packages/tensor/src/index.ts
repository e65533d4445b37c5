export { DeviceError, KernelError, PlanError, ShapeError } from './errors.ts'
export {
  type DType,
  describeSpec,
  elements,
  f16,
  f32,
  type Spec,
  sameShape,
  u32,
} from './graph/spec.ts'
export {
  apply,
  collect,
  constant,
  input,
  read,
  type Tensor,
  type Update,
  update,
  type Variable,
} from './graph/tensor.ts'
export { type Kernel, type Op, textOf, type UpdateOp } from './op.ts'
export { batchNorm, channelMoments, fixedMoments } from './ops/batchnorm/op.ts'
export { broadcastTo } from './ops/broadcast/op.ts'
export { concat, sliceChannels } from './ops/channels/op.ts'
export { classSums, oneHot } from './ops/classes/op.ts'
export { conv3d } from './ops/conv3d/op.ts'
export { cast, copy } from './ops/copy/op.ts'
export { sliceCurves } from './ops/curves/op.ts'
export { channelDropout } from './ops/dropout/op.ts'
export { cellStatistics, softHistogram } from './ops/histogram/op.ts'
export { matmul } from './ops/matmul/op.ts'

export { add, div, mul, sub } from './ops/pointwise/binary.ts'
export { affine, exp, leakyRelu, log, negate, relu, sigmoid, sqrt, square } from './ops/pointwise/unary.ts'
export { maxPool } from './ops/pool/op.ts'
export { mean, sum } from './ops/reduce/op.ts'
export { reshape } from './ops/reshape/op.ts'
export { logSoftmax, logSumExp, softmax } from './ops/softmax/op.ts'
export { upsampledConv3d } from './ops/upconv3d/op.ts'
export { splitUpsampledConvolutions } from './ops/upconv3d/split.ts'
export { lossScaleUpdate } from './ops/updates/loss-scale.ts'
export {
  type AdamParams,
  accumulateUpdate,
  adamUpdate,
  runningStatisticsUpdate,
  type SgdParams,
  sgdUpdate,
} from './ops/updates/updates.ts'
export { sumPool, upsample } from './ops/upsample/op.ts'
export { Arena, type ArenaVariable, sliceOf } from './plan/arena.ts'
export { kernelOf, type TunedKernels } from './plan/choose.ts'
export { compile, type PlanOptions } from './plan/compile.ts'
export { SlotPool } from './plan/memory.ts'
export { inputNames, largestBytes, tensorRoom } from './plan/needs.ts'
export type { DispatchTime, Feeds, Plan, PlanSummary } from './plan/plan.ts'
export { type Clock, clockOf, repetitionsFor } from './plan/stopwatch.ts'
export { execute } from './reference/execute.ts'
export type { Capabilities } from './runtime/capabilities.ts'
export { Runtime } from './runtime/runtime.ts'
