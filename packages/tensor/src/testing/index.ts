export { BATCH_NORM_PARTS, batchNormCase } from '../ops/batchnorm/cases.ts'
export { type Conv3dProblem, conv3dCase, uNetLayers } from '../ops/conv3d/cases.ts'
export { poolCases } from '../ops/pool/cases.ts'
export { type UpsampledConv3dProblem, upsampledConv3dCase } from '../ops/upconv3d/cases.ts'
export { PLAN_REWRITES, type PlanRewrite } from '../plan/fuse.ts'
export { type Tuned, tune } from '../tuning/tune.ts'
export { allCases } from './all-cases.ts'
export type { InputCase, OpCase, OpCases, Pick, UpdateCase } from './cases.ts'
export {
  type CheckResult,
  checkCase,
  chosenKernel,
  compare,
  compareWithPlain,
  fittingKernels,
  fittingWays,
  inHalves,
  instantiate,
} from './check.ts'
export { checkNonFinite, checkUpdateNonFinite, contractOf, leastCases } from './check-non-finite.ts'
export { checkUpdate } from './check-update.ts'
export { fusedCase } from './fused-cases.ts'
export { measureMatrixPeak, measureRoof, type Roof } from './roof.ts'
export { median, medianDeviation } from './statistics.ts'
export { fill, picker, uniform } from './values.ts'
