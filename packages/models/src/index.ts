export type {
  Activation,
  AdversarialLoss,
  ClassWeights,
  DiscriminatorConfig,
  GeneratorOutput,
  Method,
  ModelConfig,
  Padding,
  StepRate,
  TrainingConfig,
} from './config.ts'
export {
  type Discriminator,
  type DiscriminatorOptions,
  type DiscriminatorShape,
  discriminator,
  runDiscriminator,
} from './discriminator.ts'
export { adversarialLoss, crossEntropy, crossEntropyOf, dicePerClass, weightedDice } from './losses.ts'
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
  followStatistics,
  type Mode,
  type NormMoments,
  runUNet3d,
  type UNet3d,
  type UNetOptions,
  type UNetPass,
  uNet3d,
} from './unet3d.ts'
