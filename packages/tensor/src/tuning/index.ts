export type { OpCase, OpCases } from '../op-case.ts'
export { BATCH_NORM_PARTS, batchNormCase } from '../ops/batchnorm/cases.ts'
export { type Conv3dProblem, conv3dCase, uNetLayers } from '../ops/conv3d/cases.ts'
export { poolCases } from '../ops/pool/cases.ts'
export { type UpsampledConv3dProblem, upsampledConv3dCase } from '../ops/upconv3d/cases.ts'
export {
  checkCase,
  chosenKernel,
  compare,
  compareWithPlain,
  fittingKernels,
  fittingWays,
  inHalves,
  instantiate,
} from './check.ts'
export { fingerprintOf, isTunable, problemOf, ruleOf } from './problem.ts'
export { measureMatrixPeak, measureRoof, type Roof } from './roof.ts'
export { median, medianDeviation } from './statistics.ts'
export { type Tuned, tune } from './tune.ts'
export { fill, picker, uniform } from './values.ts'
