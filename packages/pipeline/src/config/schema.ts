import { LABEL_CONVENTIONS, MASK_FROM, SCALINGS } from '@voxnorm/data'
import {
  ACTIVATIONS,
  ADVERSARIAL_TERMS,
  ARCHITECTURES,
  DECAYS,
  DICE_LOSSES,
  GENERATOR_OUTPUTS,
  METHODS,
  PADDINGS,
  PRECISIONS,
} from '@voxnorm/models'
import { z } from 'zod'
import { parseDuration } from './duration.ts'

// Every leaf says what it accepts in words that fit after "must be"; error messages are made from them.
const positive = z.number().positive().describe('a number greater than 0')
const nonNegative = z.number().nonnegative().describe('a number of 0 or more')
const fraction = z.number().min(0).max(1).describe('a number from 0 to 1')
const count = z.int().positive().describe('a whole number of 1 or more')
const countOrAuto = z.union([count, z.literal('auto')]).describe('a whole number of 1 or more, or auto')
const classNumbers = z
  .union([z.int().nonnegative(), z.array(z.int().nonnegative()).min(1)])
  .transform((numbers) => (typeof numbers === 'number' ? [numbers] : numbers))
  .describe('a label number or a list of label numbers')

/** A label convention written out: the numbers of each class. */
export const labelMapSchema = z.strictObject({
  BG: classNumbers.optional(),
  CSF: classNumbers,
  GM: classNumbers,
  WM: classNumbers,
})

function oneOf<const T extends readonly [string, ...string[]]>(...choices: T) {
  return z.enum(choices).describe(`one of ${choices.join(', ')}`)
}

/** The names of a table's rows, one of which must be given. */
function rowOf<Name extends string>(table: Readonly<Record<Name, unknown>>) {
  return oneOf(...(Object.keys(table) as [Name, ...Name[]]))
}

const adamWithMilestones = z.strictObject({
  lr: positive,
  decay: oneOf(...DECAYS),
  milestones: z.array(z.int().nonnegative()).describe('a list of epoch numbers such as [50, 75]'),
  gamma: positive,
})

/**
 * Everything a training run depends on, as in the file's own words.
 *
 * The schema has no defaults of its own: a preset supplies every key, and the file and `--set` override it.
 */
export const configSchema = z.strictObject({
  preset: oneOf('paper', 'authors-code', 'tiny', 'voxnorm'),
  seed: z.int().nonnegative().max(0xffffffff).describe('a whole number from 0 to 4294967295'),
  data: z.strictObject({
    table: z.string().min(1).describe('the path of a dataset table or folder'),
    // What the data set says of its labels, else bids; everything else wins over the data set.
    labels: z
      .union([z.enum(['auto', ...LABEL_CONVENTIONS]), labelMapSchema])
      .describe(`one of auto, ${LABEL_CONVENTIONS.join(', ')}, or a map such as {CSF: 1, GM: [2, 4], WM: 3}`),
    maskFrom: oneOf(...MASK_FROM),
    modalities: z.array(z.string().min(1)).min(1).describe('a list of column names such as [T1w, T2w]'),
    scaling: rowOf(SCALINGS),
    patch: count.describe('a whole number of voxels that is a multiple of 8'),
    patchesPerSite: count,
    validationPatchesPerSite: count,
    voxelSize: positive.describe('a voxel size in mm greater than 0'),
    fold: z
      .string()
      .regex(/^(none|loso:.+)$/)
      .describe('none, or loso:SITE to leave one site out'),
  }),
  model: z.strictObject({
    base: count,
    padding: oneOf(...PADDINGS),
    activation: oneOf(...ACTIVATIONS),
    generatorOutput: oneOf(...GENERATOR_OUTPUTS),
    generator: z.strictObject({
      architecture: rowOf(ARCHITECTURES.generator),
      cell: positive.describe('a distance in mm greater than 0'),
      knots: z.int().min(3).describe('a whole number of 3 or more'),
      freedom: positive,
    }),
    segmenter: z.strictObject({ architecture: rowOf(ARCHITECTURES.segmenter) }),
    discriminator: z.strictObject({
      architecture: rowOf(ARCHITECTURES.discriminator),
      base: count,
      dropout: z.number().min(0).lt(1).describe('a number from 0 to less than 1'),
      bn: z.boolean().describe('true or false'),
      legacySigmoid: z.boolean().describe('true or false'),
    }),
  }),
  loss: z.strictObject({
    lambda: nonNegative,
    ramp: z
      .tuple([fraction, fraction])
      .refine(([begin, end]) => begin <= end)
      .describe('two numbers from 0 to 1, the smaller first'),
    classWeights: z.strictObject({ BG: nonNegative, CSF: nonNegative, GM: nonNegative, WM: nonNegative }),
    adversarial: rowOf(ADVERSARIAL_TERMS),
    dice: oneOf(...DICE_LOSSES),
  }),
  optim: z.strictObject({
    generator: adamWithMilestones,
    segmenter: adamWithMilestones,
    discriminator: z.strictObject({
      lr: positive,
      plateau: z.strictObject({
        factor: positive,
        patience: z.int().nonnegative().describe('a whole number of epochs'),
      }),
    }),
    weightDecay: nonNegative,
  }),
  train: z.strictObject({
    method: oneOf(...METHODS),
    epochs: count,
    batch: count,
    microBatch: countOrAuto,
    discriminatorSteps: count,
    iterationsPerEpoch: countOrAuto,
    precision: oneOf(...PRECISIONS),
    deterministic: z.boolean().describe('true or false'),
    warmup: z.int().nonnegative().describe('a whole number of iterations'),
    timeLimit: z
      .string()
      .refine((text) => parseDuration(text) !== undefined)
      .describe('a length of time such as 90s, 10m or 1h30m, or none'),
  }),
  augment: z.strictObject({
    biasField: z.strictObject({
      probability: fraction,
      alpha: z
        .tuple([fraction, fraction])
        .refine(([low, high]) => low <= high)
        .describe('two numbers from 0 to 1, the smaller first'),
    }),
  }),
  inference: z.strictObject({
    stride: count,
    blend: oneOf('mean'),
  }),
})

/** A complete, validated configuration. */
export type Config = z.infer<typeof configSchema>
