export { GradientError, grad } from './grad.ts'
export {
  type CheckedInput,
  gradcheck,
  randomPoint,
} from './gradcheck.ts'
export { fanInUniform, filledWith, initialValues, kaimingUniform } from './init.ts'
export { type FileLayout, fromFile, toFile } from './layout.ts'
export { LOSS_SCALE_START, type LossScale, lossScale } from './loss-scale.ts'
export {
  type BoundParameter,
  bind,
  collectParameters,
  countTrained,
  initialArena,
  type Network,
  type Weights,
} from './module.ts'
export {
  adam,
  addGradients,
  clearGradients,
  type Optimizer,
  overwriteGradients,
  sgd,
} from './optim.ts'
export {
  convolutionWeight,
  flattenedLinearWeight,
  linearWeight,
  type Parameter,
  statistic,
  vector,
} from './parameter.ts'
export {
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from './safetensors.ts'
export {
  type MultiStep,
  type Plateau,
  type Schedule,
  type ScheduleState,
  startSchedule,
  stepSchedule,
} from './schedule.ts'
export { arenaToTensors, tensorsToArena } from './state.ts'
export { stopGradient } from './stop-gradient.ts'
