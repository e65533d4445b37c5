import { ConfigError } from '../errors.ts'
import {
  type Affine,
  type LabelVolume,
  makeLabelVolume,
  makeVolume,
  type Shape3,
  type Volume,
} from '../image/volume.ts'
import { CENTRE, growCerebrum } from './cortex.ts'
import { blockMean } from './grid-field.ts'
import { drawVariation } from './variation.ts'

/** One synthetic person: anatomy without any scanner. */
export interface PhantomAnatomy {
  readonly shape: Shape3
  /** Size of the cubic voxels in mm. */
  readonly voxelSize: number
  readonly affine: Affine
  /** Share of each tissue in each voxel; inside the mask the three add up to 1, outside all are 0. */
  readonly fractions: { readonly CSF: Volume; readonly GM: Volume; readonly WM: Volume }
  /** The part of the grey-matter share that belongs to thalamus, basal ganglia and hippocampus. */
  readonly deepGrey: Volume
  /** Internal class with the largest share. */
  readonly label: LabelVolume
  /** 1 inside the skull-stripped brain including the fluid around it, 0 outside. */
  readonly mask: LabelVolume
}

/** Which person to make, on which grid. */
export interface PhantomSubjectOptions {
  /** Names a population; together with `subject` it determines the person. */
  readonly seed: number
  readonly subject: number
  readonly shape: Shape3
  /** Edge of a voxel in mm. The brain needs about 135 x 165 x 125 mm. */
  readonly voxelSize: number
}

/** Smallest field of view in mm along x, y and z that no brain of the population leaves. */
const FIELD_OF_VIEW = [140, 164, 126] as const
/** Voxels wider than this are made from smaller ones, so that thin sulci become partial volumes. */
const FINEST_NEEDED = 1.35

/**
 * Makes the anatomy of one synthetic person: two folded hemispheres with temporal lobes, ventricles and deep
 * grey nuclei, without cerebellum and brain stem. The same options give the same voxels.
 *
 * Throws ConfigError when the grid is too small for a brain.
 */
export function phantomSubject(options: PhantomSubjectOptions): PhantomAnatomy {
  const { seed, subject, shape, voxelSize } = options
  const tooSmall = shape.findIndex((count, axis) => count * voxelSize < FIELD_OF_VIEW[axis]!)
  if (tooSmall >= 0) {
    throw new ConfigError(
      `A phantom of ${shape.join(' x ')} voxels of ${voxelSize} mm is too small along ${'xyz'[tooSmall]}.`,
      { fix: `cover at least ${FIELD_OF_VIEW.join(' x ')} mm, for example 64 x 64 x 64 voxels of 2.6 mm` },
    )
  }
  const factor = Math.max(1, Math.ceil(voxelSize / FINEST_NEEDED))
  const fineShape: Shape3 = [shape[0] * factor, shape[1] * factor, shape[2] * factor]
  const fine = growCerebrum(drawVariation(seed, subject), fineShape, voxelSize / factor)
  const csf = blockMean(fine.csf, shape, factor)
  const grey = blockMean(fine.grey, shape, factor)
  const white = blockMean(fine.white, shape, factor)
  const deepGrey = blockMean(fine.deepGrey, shape, factor)

  const label = new Uint8Array(csf.length)
  const mask = new Uint8Array(csf.length)
  for (let i = 0; i < csf.length; i++) {
    const inside = csf[i]! + grey[i]! + white[i]!
    // Half a voxel of brain counts as brain; the rest of the voxel is then taken for more of the same.
    const share = inside >= 0.5 ? 1 / inside : 0
    csf[i] = csf[i]! * share
    grey[i] = grey[i]! * share
    white[i] = white[i]! * share
    deepGrey[i] = deepGrey[i]! * share
    if (share === 0) continue
    mask[i] = 1
    label[i] = white[i]! > Math.max(csf[i]!, grey[i]!) ? 3 : grey[i]! > csf[i]! ? 2 : 1
  }

  const affine = centredAffine(shape, voxelSize)
  const volume = (data: Float32Array) => makeVolume(shape, data, affine)
  return {
    shape,
    voxelSize,
    affine,
    fractions: { CSF: volume(csf), GM: volume(grey), WM: volume(white) },
    deepGrey: volume(deepGrey),
    label: makeLabelVolume(shape, label, affine),
    mask: makeLabelVolume(shape, mask, affine),
  }
}

/** RAS axes with the middle of the grid on the middle of the brain. */
function centredAffine(shape: Shape3, voxelSize: number): Affine {
  const offset = (axis: 0 | 1 | 2) => CENTRE[axis] - ((shape[axis] - 1) / 2) * voxelSize
  return [voxelSize, 0, 0, offset(0), 0, voxelSize, 0, offset(1), 0, 0, voxelSize, offset(2), 0, 0, 0, 1]
}
