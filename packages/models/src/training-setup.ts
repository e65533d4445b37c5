import { ConfigError, DataError, type PreparedSubject, SCALINGS } from '@voxnorm/data'
import { type AdversarialTerms, adversarialTerm } from './adversarial-terms.ts'
import type { SideRule } from './architecture.ts'
import { assertSide, withoutUsualArchitectures } from './architectures.ts'
import type { ModelConfig, TrainingConfig } from './config.ts'
import type { NetworkName } from './networks.ts'

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
  const { learning } = SCALINGS[scaling]
  if (learning && standardScale?.length !== channels) {
    throw new ConfigError(`data.scaling ${scaling} needs the ${learning.what} of each modality.`, {
      fix: 'learn them from the training subjects',
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
