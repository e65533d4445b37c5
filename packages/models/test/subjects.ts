import { IDENTITY_AFFINE, type PreparedSubject, randomStream } from '@voxnorm/data'
import type { TrainingConfig } from '@voxnorm/models'

/** A ball of three shells with intensities of its site, 16³ voxels. */
export function ball(id: string, site: string, intensities: readonly number[]): PreparedSubject {
  const side = 16
  const stream = randomStream(7, id, site)
  const centre = (side - 1) / 2
  const label = new Uint8Array(side ** 3)
  const image = new Float32Array(side ** 3)
  for (let voxel = 0; voxel < label.length; voxel++) {
    const [x, y, z] = [voxel % side, Math.floor(voxel / side) % side, Math.floor(voxel / side ** 2)]
    const radius = Math.hypot(x - centre, y - centre, z - centre)
    label[voxel] = radius > 7 ? 0 : radius > 5.5 ? 1 : radius > 3.5 ? 2 : 3
    if (label[voxel]! > 0) image[voxel] = intensities[label[voxel]! - 1]! + 0.05 * stream.normal()
  }
  const shape = [side, side, side] as const
  return {
    id,
    site,
    shape,
    channels: 1,
    image,
    label,
    mask: label.map(Math.sign),
    affine: IDENTITY_AFFINE,
    brain: { source: 'file', litres: 1, pieces: 1, plausible: true },
    warnings: [],
  }
}

/** Two sites with opposite contrasts; one subject of each validates. */
export const twoSites = () => ({
  training: [ball('a1', 'a', [0.2, 0.5, 0.9]), ball('b1', 'b', [0.9, 0.6, 0.3])],
  validation: [ball('a2', 'a', [0.2, 0.5, 0.9]), ball('b2', 'b', [0.9, 0.6, 0.3])],
})

/** Settings small enough for a test, changed where a test says so. */
export function tinyTraining(
  train: Partial<TrainingConfig['train']> = {},
  rest: Partial<TrainingConfig> = {},
): TrainingConfig {
  const system = { lr: 3e-3, milestones: [2], gamma: 0.1 }
  return {
    seed: 5,
    data: {
      modalities: ['T1w'],
      scaling: 'max',
      patch: 8,
      patchesPerSite: 40,
      validationPatchesPerSite: 6,
      voxelSize: 1,
    },
    model: {
      base: 2,
      padding: 'replicate',
      activation: 'relu',
      generatorOutput: 'sigmoid',
      discriminator: { base: 2, dropout: 0.25 },
    },
    loss: {
      lambda: 0.5,
      classWeights: { BG: 0.22, CSF: 0.3, GM: 0.2, WM: 0.28 },
      adversarial: 'non-saturating',
    },
    optim: {
      generator: system,
      segmenter: system,
      discriminator: { lr: 1e-3, plateau: { factor: 0.5, patience: 0 } },
      weightDecay: 1e-3,
    },
    train: {
      method: 'adversarial',
      epochs: 2,
      batch: 4,
      microBatch: 'auto',
      discriminatorSteps: 2,
      iterationsPerEpoch: 3,
      timeLimit: Number.POSITIVE_INFINITY,
      ...train,
    },
    augment: { biasField: { probability: 0.5, alpha: [0, 1] } },
    ...rest,
  }
}
