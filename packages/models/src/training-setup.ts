import { type MultiStep, type Plateau, type Schedule, startSchedule, stepSchedule } from '@voxnorm/autograd'
import { ConfigError, DataError, type PreparedSubject, SCALINGS } from '@voxnorm/data'
import { type AdversarialTerms, adversarialTerm } from './adversarial-terms.ts'
import type { SideRule } from './architecture.ts'
import { assertSide, withoutUsualArchitectures } from './architectures.ts'
import type { TrainingIdentity, TrainingProgress } from './checkpoint.ts'
import type { ModelConfig, StepRate, TrainingConfig } from './config.ts'
import { NETWORK_NAMES, type NetworkName } from './networks.ts'

/** The model that a training makes, with the sites in alphabetical order. */
export function modelOfTraining(
  config: Pick<TrainingConfig, 'data' | 'model' | 'loss'>,
  training: readonly Pick<PreparedSubject, 'site'>[],
  terms?: AdversarialTerms,
): ModelConfig {
  const { modalities, scaling, standardScale, trainingLabels, patch, voxelSize } = config.data
  const { base, padding, activation, generatorOutput, generator, segmenter, discriminator } = config.model
  return withoutUsualArchitectures<ModelConfig>({
    modalities,
    sites: [...new Set(training.map(({ site }) => site))].sort(),
    classes: ['BG', 'CSF', 'GM', 'WM'],
    base,
    padding,
    activation,
    generatorOutput,
    scaling,
    ...(standardScale !== undefined && { standardScale }),
    patch,
    voxelSize,
    ...(trainingLabels !== undefined && { labels: trainingLabels }),
    ...(generator && { generator }),
    ...(segmenter && { segmenter }),
    // Other models say nothing of it, so that their files stay as they were before there was a choice.
    discriminator: {
      ...discriminator,
      ...(adversarialTerm(config.loss.adversarial, terms).generatedSites && { generatedSites: true }),
    },
  })
}

/** Throws ConfigError or DataError when settings and subjects do not make a training. */
export function checkTraining(
  config: TrainingConfig,
  model: ModelConfig,
  names: readonly NetworkName[],
  data: { readonly training: readonly PreparedSubject[]; readonly validation: readonly PreparedSubject[] },
  { sides, terms }: { readonly sides: SideRule; readonly terms: AdversarialTerms | undefined },
): void {
  if (data.training.length === 0) throw new DataError('There are no subjects to train with.')
  assertSide(sides, config.data.patch, { name: 'data.patch' })
  const channels = config.data.modalities.length
  const { scaling, standardScale } = config.data
  if (SCALINGS[scaling].learning && standardScale?.length !== channels) {
    throw new ConfigError(`data.scaling ${scaling} needs what it learns of each modality (standardScale).`, {
      fix: 'learn it from the training subjects',
    })
  }
  for (const subject of [...data.training, ...data.validation]) {
    if (subject.channels !== channels) {
      throw new DataError(
        `The participant ${subject.id} of site ${subject.site} has ${subject.channels} images instead of ${channels}.`,
        { fix: `every participant needs ${config.data.modalities.join(', ')}` },
      )
    }
    if (subject.label !== undefined) continue
    throw new DataError(`The participant ${subject.id} of site ${subject.site} has no label to train with.`, {
      fix: 'add the label to the data set, or leave the participant out',
    })
  }
  const alone = model.sites.length < 2 && names.includes('discriminator')
  if (alone && adversarialTerm(config.loss.adversarial, terms).twoSites) {
    throw new ConfigError(
      `loss.adversarial "${config.loss.adversarial}" needs two sites or more: there is no other one.`,
      {
        fix: 'use minimax or non-saturating',
      },
    )
  }
}

/** Throws ConfigError where batch norm would have a single value per channel, whose variance is no use. */
export function checkNormalization({ multipleOf }: SideRule, patch: number, microBatch: number): void {
  if (microBatch * (patch / multipleOf) ** 3 > 1) return
  throw new ConfigError('The deepest batch norm would have a single value per channel.', {
    fix: `use patches of ${2 * multipleOf} or more, or a larger batch and micro-batch`,
  })
}

/** What a resumed training must have in common with the one before. */
export const identityOf = (
  config: TrainingConfig,
  training: readonly PreparedSubject[],
): TrainingIdentity => ({
  config,
  subjects: training.map(({ site, id }) => `${site}/${id}`),
})

/** Plateaus as the authors have them: PyTorch's threshold, and no rate below this one. */
const PLATEAU = { threshold: 1e-4, minimumRate: 1e-8 }

/** The learning rates over the epochs. */
export function schedulesOf({ optim }: TrainingConfig): Readonly<Record<NetworkName, Schedule>> {
  const steps = ({ lr, milestones, gamma }: StepRate): MultiStep => ({
    kind: 'multi-step',
    rate: lr,
    milestones,
    gamma,
  })
  const { lr, plateau } = optim.discriminator
  const discriminator: Plateau = { kind: 'plateau', rate: lr, ...plateau, ...PLATEAU }
  return { generator: steps(optim.generator), segmenter: steps(optim.segmenter), discriminator }
}

/** Before the first iteration. */
export const startOf = (schedules: Readonly<Record<NetworkName, Schedule>>): TrainingProgress => ({
  epoch: 0,
  iteration: 0,
  losses: {},
  elapsed: 0,
  bestScore: null,
  steps: { generator: 0, segmenter: 0, discriminator: 0 },
  schedules: perNetwork((name) => startSchedule(schedules[name])),
})

/** All schedules after one more epoch; only that of D looks at its loss. */
export const stepSchedules = (
  schedules: Readonly<Record<NetworkName, Schedule>>,
  states: TrainingProgress['schedules'],
  discriminatorLoss: number,
): TrainingProgress['schedules'] =>
  perNetwork((name) => stepSchedule(schedules[name], states[name], discriminatorLoss))

const perNetwork = <T>(make: (name: NetworkName) => T): Record<NetworkName, T> =>
  Object.fromEntries(NETWORK_NAMES.map((name) => [name, make(name)])) as Record<NetworkName, T>
