import { voxelSizes } from './affine.ts'
import {
  findBackground,
  forEachBorderVoxel,
  LEAST_BACKGROUND,
  maskOf,
  outsideBackground,
} from './background.ts'
import { boundingBox } from './bounding-box.ts'
import { DataError } from './errors.ts'
import { type Grid, type Volume, voxelCount } from './image/volume.ts'
import { connectedComponents } from './trust/components.ts'

/** How to find the brain where no file says where it is: `auto` judges the background, `positive` takes what is above zero. */
export type MaskFrom = (typeof MASK_FROM)[number]

/** The words for {@link MaskFrom}; the first is the default. */
export const MASK_FROM = ['auto', 'positive'] as const

/** What is known of a brain mask besides its voxels. */
export interface BrainFinding {
  /** Where the mask comes from: a mask file, the background of the image, or all voxels above zero. */
  readonly source: 'file' | 'background' | 'positive'
  readonly litres: number
  /** Parts with at least a hundredth of the mask each. */
  readonly pieces: number
  /** Whether it can be the mask of a brain. Never false where the source is the background. */
  readonly plausible: boolean
}

/** A brain mask on the grid of an image. */
export interface BrainMask {
  /** 1 in the brain, else 0, in the order of the voxels. */
  readonly mask: Uint8Array
  readonly finding: BrainFinding
  /** Sentences about what is doubtful, without the name of the file. */
  readonly warnings: readonly string[]
}

const REMEDY = {
  fix: 'give a brain mask, strip the skull, or take all voxels above zero for brain',
  remedy: 'brain-mask',
} as const

/** Of its bounding box an ellipsoid fills 0.52, a slice of it 0.79. */
const FULLEST_BOX = 0.85
/** Grown brains with all fluid around them hold up to 2 litres; heads with their necks 3.5 to 5. */
const LARGEST_LITRES = 2.2
const IMPOSSIBLE_LITRES = 3
/** Newborns have 0.25 to 0.5 litres. */
const SMALLEST_LITRES = 0.2
/** Of the border of the field of view: a brain in a close box touches it with less, a neck with more. */
const TOUCHING_BORDER = 0.005
const CUT_BY_BORDER = 0.01
/** Smaller parts of a mask are crumbs. */
const SMALLEST_PIECE = 0.01
const LEAST_IN_PIECES = 0.5

/**
 * The one rule for where the brain is in an image.
 *
 * With a mask file: where it is above zero (half a step of 16 bits counts as zero). With `auto`: where the image is not
 * its background, the constant around the brain, whatever its value. With `positive`: where the image is above zero.
 *
 * A mask is doubtful when it holds less than 0.2 or more than 2.2 litres, touches more than 1/200 of the border of the
 * field of view, or is in pieces; that is a warning. It is not plausible when more than half of the border is not
 * background, when it fills its bounding box by more than 85 %, holds more than 3 litres, or more than 2.2 and is cut by
 * the border, or when most of it is crumbs. What is not plausible is a warning where somebody said what the brain is, by
 * a file or by `positive`; of `auto` it is a DataError with the file's name and the ways out.
 *
 * `image` holds finite numbers and lies on the grid of the mask.
 */
export function findBrain(
  image: { readonly file: string; readonly volume: Volume },
  maskFile: { readonly volume: Volume } | undefined,
  from: MaskFrom,
): BrainMask {
  const { file, volume } = image
  if (maskFile !== undefined) return told(aboveZero(maskFile.volume.data), maskFile.volume, 'file')
  if (from === 'positive') return told(aboveZero(volume.data), volume, 'positive')
  const background = findBackground(volume)
  if (background.share < LEAST_BACKGROUND) {
    throw new DataError(
      `the skull does not seem to be stripped: no value stands for the background, as the most frequent one on the border of the field of view (${Number(background.value.toPrecision(4))}) is that of ${percent(background.share)} of it.`,
      { file, ...REMEDY },
    )
  }
  const mask = outsideBackground(volume, background)
  const { finding, impossible, doubts } = judge(mask, volume)
  if (impossible !== undefined) {
    throw new DataError(`what is not background in this image cannot be a brain: ${impossible}.`, {
      file,
      ...REMEDY,
    })
  }
  return { mask, finding: { ...finding, source: 'background', plausible: true }, warnings: doubts }
}

/** A mask that somebody answers for. */
function told(mask: Uint8Array, grid: Grid, source: 'file' | 'positive'): BrainMask {
  const { finding, impossible, doubts } = judge(mask, grid)
  const warning =
    impossible === undefined ? [] : [`The brain mask does not look like that of a brain: ${impossible}.`]
  return {
    mask,
    finding: { ...finding, source, plausible: impossible === undefined },
    warnings: [...warning, ...doubts],
  }
}

function aboveZero(values: Float32Array): Uint8Array {
  let largest = 0
  for (const value of values) if (value > largest) largest = value
  // With a slope and an intercept, the zero of an image of 16 bits is off by up to half a step.
  const zero = 1e-5 * largest
  return maskOf(values, (value) => value > zero)
}

interface Judgement {
  readonly finding: Pick<BrainFinding, 'litres' | 'pieces'>
  /** Why this cannot be a brain. */
  readonly impossible: string | undefined
  /** Sentences. */
  readonly doubts: readonly string[]
}

function judge(mask: Uint8Array, { shape, affine }: Grid): Judgement {
  const [dx, dy, dz] = voxelSizes(affine)
  let count = 0
  for (const inside of mask) count += inside
  // An empty mask is an error wherever intensities are scaled.
  if (count === 0) return { finding: { litres: 0, pieces: 0 }, impossible: undefined, doubts: [] }
  const litres = (count * dx * dy * dz) / 1e6
  const { low, high } = boundingBox(shape, (voxel) => mask[voxel] !== 0)!
  const full = count / voxelCount([high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1])
  let border = 0
  let touched = 0
  forEachBorderVoxel(shape, (voxel) => {
    border++
    touched += mask[voxel]!
  })
  const touching = touched / border
  const pieces = connectedComponents(mask, shape).sizes.filter((size) => size >= SMALLEST_PIECE * count)
  const inPieces = pieces.reduce((sum, size) => sum + size, 0) / count
  const volume = `${Number(litres.toPrecision(2))} litres`

  const impossible =
    full > FULLEST_BOX
      ? `it fills its box by ${percent(full)}`
      : litres > IMPOSSIBLE_LITRES
        ? `it holds ${volume}; the skull is not stripped, or the size of the voxels is wrong`
        : litres > LARGEST_LITRES && touching > CUT_BY_BORDER
          ? `it holds ${volume} and reaches beyond the field of view, as a head with its neck does`
          : inPieces < LEAST_IN_PIECES
            ? `${percent(1 - inPieces)} of it are crumbs`
            : undefined
  const doubts: string[] = []
  if (touching > TOUCHING_BORDER) {
    doubts.push(
      `The brain mask covers ${percent(touching)} of the border of the field of view: part of the brain may be missing.`,
    )
  }
  if (litres > LARGEST_LITRES && impossible === undefined) {
    doubts.push(`The brain mask holds ${volume}, more than brains do: it may hold more than the brain.`)
  }
  if (litres < SMALLEST_LITRES) {
    doubts.push(`The brain mask holds ${volume}, less than the brain of a newborn.`)
  }
  if (pieces.length > 1) doubts.push(`The brain mask is in ${pieces.length} pieces.`)
  return { finding: { litres, pieces: pieces.length }, impossible, doubts }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`
}
