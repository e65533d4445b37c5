export {
  ADVERSARIAL_TERMS,
  type AdversarialTerm,
  type AdversarialTermName,
  type AdversarialTerms,
  adversarialTerm,
} from './adversarial-terms.ts'
export { discriminatorGraph, type StepSetup, systemGraph } from './algorithm1.ts'
export type { DiscriminatorArchitecture, ImageArchitecture, SideRule } from './architecture.ts'
export {
  ARCHITECTURES,
  type Architectures,
  assertSide,
  type DiscriminatorArchitectureName,
  type GeneratorArchitectureName,
  type SegmenterArchitectureName,
  sidesOf,
  viewGeometry,
} from './architectures.ts'
export { assertSameSettings } from './checkpoint.ts'
export {
  ACTIVATIONS,
  DECAYS,
  DICE_LOSSES,
  GENERATOR_OUTPUTS,
  METHODS,
  type ModelConfig,
  PADDINGS,
  type Padding,
  PRECISIONS,
  type TrainingConfig,
} from './config.ts'
export { discriminator, runDiscriminator } from './dcgan3d.ts'
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
export { followStatistics } from './layers.ts'
export { crossEntropy, crossEntropyOf, dicePerClass, weightedDice } from './losses.ts'
export { modelMetadata, readModel, type StoredModel, writeModel } from './model-file.ts'
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
export { trainingBatches } from './patch-batches.ts'
export {
  discriminatorAccuracy,
  discriminatorConfusion,
  type ProbedPatch,
  probePatches,
} from './patch-probe.ts'
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
  type TuneKernels,
} from './trainer.ts'
export { modelOfTraining } from './training-setup.ts'
export { runUNet3d, type UNet3d, uNet3d } from './unet3d.ts'
export { checkWindows } from './volume-check.ts'
export { cellsFor, featureCount, type ViewGeometry } from './volume-view.ts'
