export {
  classWeightList,
  type DiscriminatorGraph,
  discriminatorGraph,
  type StepSetup,
  type SystemGraph,
  systemGraph,
  type WarmupGraph,
  warmupGraph,
} from './adversarial.ts'
export {
  restoreCheckpoint,
  type TrainingIdentity,
  type TrainingProgress,
  writeCheckpoint,
} from './checkpoint.ts'
export {
  ACTIVATIONS,
  type Activation,
  type AdversarialLoss,
  type ClassWeights,
  type DiscriminatorConfig,
  GENERATOR_OUTPUTS,
  type GeneratorOutput,
  type Method,
  type ModelConfig,
  PADDINGS,
  type Padding,
  type StepRate,
  type TrainingConfig,
} from './config.ts'
export {
  type Discriminator,
  type DiscriminatorOptions,
  type DiscriminatorShape,
  discriminator,
  runDiscriminator,
} from './discriminator.ts'
export {
  createPredictor,
  type PredictableVolume,
  type PredictedPlane,
  type PredictedVolume,
  type PredictOptions,
  type Predictor,
  predictPlanes,
  predictVolume,
} from './inference.ts'
export { adversarialLoss, crossEntropy, crossEntropyOf, dicePerClass, weightedDice } from './losses.ts'
export { modelMetadata, modelOf, readModel, type StoredModel, writeModel } from './model-file.ts'
export {
  allocateNetworks,
  discriminate,
  disposeNetworks,
  generate,
  initializeNetworks,
  listNetworks,
  loadNetworks,
  makeNetworks,
  type NetworkName,
  type Networks,
  networksOfMethod,
  readNetworks,
  segment,
} from './networks.ts'
export {
  discriminatorAccuracy,
  discriminatorConfusion,
  type ProbedPatch,
  type ProbeOptions,
  probePatches,
} from './patch-probe.ts'
export { type TrainingData, type TrainingEvent, type TrainOptions, train } from './train.ts'
export {
  createTrainer,
  type PatchBatch,
  type StepScalars,
  type Trainer,
  type TrainerOptions,
  type TuneKernels,
} from './trainer.ts'
export type { MemoryPlan, TrainingPlan } from './training-plan.ts'
export { modelOfTraining } from './training-setup.ts'
export {
  followStatistics,
  type Mode,
  type NormMoments,
  runUNet3d,
  type UNet3d,
  type UNetOptions,
  type UNetPass,
  uNet3d,
} from './unet3d.ts'
