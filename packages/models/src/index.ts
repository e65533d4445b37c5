export {
  ADVERSARIAL_TERMS,
  type AdversarialTerm,
  type AdversarialTermName,
  type AdversarialTerms,
  adversarialTerm,
} from './adversarial-terms.ts'
export {
  classWeightList,
  type DiscriminatorGraph,
  discriminatorGraph,
  type StepSetup,
  type SystemGraph,
  systemGraph,
  type WarmupGraph,
  warmupGraph,
} from './algorithm1.ts'
export type {
  DiscriminatorArchitecture,
  ImageArchitecture,
  SideRule,
} from './architecture.ts'
export {
  ARCHITECTURES,
  type Architectures,
  assertSide,
  type DiscriminatorArchitectureName,
  type ImageArchitectureName,
  sidesOf,
} from './architectures.ts'
export {
  assertSameSettings,
  restoreCheckpoint,
  type TrainingIdentity,
  writeCheckpoint,
} from './checkpoint.ts'
export {
  ACTIVATIONS,
  type Activation,
  type ClassWeights,
  DICE_LOSSES,
  type DiscriminatorConfig,
  GENERATOR_OUTPUTS,
  type GeneratorOutput,
  METHODS,
  type Method,
  type ModelConfig,
  PADDINGS,
  type Padding,
  PRECISIONS,
  type StepRate,
  type TrainingConfig,
} from './config.ts'
export { type Discriminator, discriminator, runDiscriminator } from './dcgan3d.ts'
export {
  createPredictor,
  type PredictableVolume,
  type PredictedPlane,
  type PredictedVolume,
  type PredictOptions,
  type Predictor,
  predictPlanes,
  predictVolume,
  type Windows,
} from './inference.ts'
export { followStatistics, type Mode } from './layers.ts'
export { crossEntropy, crossEntropyOf, dicePerClass, weightedDice } from './losses.ts'
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
export type { MemoryRequirements, TrainingRequirements } from './requirements.ts'
export {
  type TrainingData,
  type TrainingEvent,
  type TrainingReady,
  type TrainOptions,
  train,
} from './train.ts'
export {
  createTrainer,
  type PatchBatch,
  type StepScalars,
  type Trainer,
  type TrainerOptions,
  type TuneKernels,
} from './trainer.ts'
export { modelOfTraining } from './training-setup.ts'
export { runUNet3d, type UNet3d, uNet3d } from './unet3d.ts'
export { checkWindows } from './volume-check.ts'
