import { boundingBox, CLASSES, intensityHistogram, type Shape3, TISSUES, type Tissue } from '@voxnorm/data'
import { base64 } from '../base64.ts'
import type { Trust } from './trust.ts'

/** A volume before and after, as training and prediction have it at hand. */
export interface PreviewInput {
  readonly participant: string
  readonly site: string
  /** `train`, `validation`, `test`, or `n/a`. */
  readonly split: string
  readonly modality: string
  /** Shape of all volumes, in a grid whose axes point right, front and up. */
  readonly shape: Shape3
  /** Voxel size in mm. */
  readonly spacing: readonly [number, number, number]
  /** What the generator sees, and what it makes of it; without a generator there is no such image. */
  readonly raw: Float32Array
  readonly normalized: Float32Array | undefined
  /** Intensities that the grey levels and histograms span; values outside are clamped. */
  readonly rawRange: readonly [number, number]
  readonly normalizedRange: readonly [number, number]
  /** Non-zero inside the brain. */
  readonly mask: Uint8Array
  /** Non-zero where the networks were run, within `mask`. Planes of the brain that are not all in it are left out. */
  readonly predicted: Uint8Array
  /** Internal classes. */
  readonly prediction: Uint8Array
  readonly reference?: Uint8Array
  readonly trust?: Trust
  /** What the input does not explain in the normalised image, and where that makes up a cluster. */
  readonly residual?: Float32Array
  readonly changed?: Uint8Array
  readonly warnings?: readonly string[]
}

/** One plane of a preview; pixels are base64 of 8-bit values in rows from the top. */
export interface PreviewSlice {
  readonly plane: 'axial' | 'coronal' | 'sagittal'
  readonly width: number
  readonly height: number
  /** Height of a pixel divided by its width, in mm. */
  readonly aspect: number
  readonly raw: string
  readonly normalized?: string
  readonly prediction: string
  readonly reference?: string
  /** 128 is no residual; 1 and 255 are half the normalised range below and above. */
  readonly residual?: string
  /** 1 in a cluster of changed voxels, else 0. */
  readonly changed?: string
}

/** Voxel counts of one tissue in equal bins over the preview's ranges. */
export interface PreviewHistogram {
  readonly tissue: Tissue
  readonly raw: readonly number[]
  readonly normalized?: readonly number[]
}

/**
 * A small picture of one subject, stored as `figures/NAME.json` so that a report needs no volume.
 *
 * Intensities are quantised over the ranges given; histograms use the reference labels where there are any.
 */
export interface Preview {
  readonly version: 1
  readonly participant: string
  readonly site: string
  readonly split: string
  readonly modality: string
  readonly rawRange: readonly [number, number]
  readonly normalizedRange: readonly [number, number]
  readonly tissuesFrom: 'reference' | 'prediction'
  /** The voxels that the histograms count. */
  readonly voxelsFrom: 'brain' | 'slab'
  readonly slices: readonly PreviewSlice[]
  readonly histograms: readonly PreviewHistogram[]
  /** Absent in previews of versions that did not judge predictions. */
  readonly trust?: Trust
  /** Sentences about what was odd in the files or doubtful in the mask, where there are any. */
  readonly warnings?: readonly string[]
}

const BINS = 64
const MARGIN = 2

/**
 * Columns run along `across`, rows along `down`; a flipped axis starts at its far end, so that up is up. `at` is where
 * the plane cuts the brain, as a share of its size: between the hemispheres a sagittal plane would show hardly any
 * tissue.
 */
const PLANES = [
  { plane: 'axial', across: 0, down: 1, through: 2, at: 0.5 },
  { plane: 'coronal', across: 0, down: 2, through: 1, at: 0.5 },
  { plane: 'sagittal', across: 1, down: 2, through: 0, at: 0.35 },
] as const

/** Takes the planes of the brain that were predicted, cropped to it, and the histograms of the tissues. */
export function makePreview(input: PreviewInput): Preview {
  const box = boxAround(input.mask, input.shape)
  const labels = input.reference ?? input.prediction
  const { mask: brain, normalized, predicted } = input
  const known = PLANES.filter((plane) => predictedOn(plane, input, box))
  return {
    version: 1,
    participant: input.participant,
    site: input.site,
    split: input.split,
    modality: input.modality,
    rawRange: input.rawRange,
    normalizedRange: input.normalizedRange,
    tissuesFrom: input.reference === undefined ? 'prediction' : 'reference',
    voxelsFrom: brain.every((inside, voxel) => inside === 0 || predicted[voxel]! > 0) ? 'brain' : 'slab',
    ...(input.trust && { trust: input.trust }),
    ...(input.warnings?.length && { warnings: input.warnings }),
    slices: known.map((plane) => makeSlice(input, box, plane)),
    histograms: TISSUES.map((tissue) => {
      const mask = labels.map((label, voxel) => (predicted[voxel]! > 0 && CLASSES[label] === tissue ? 1 : 0))
      const count = (values: Float32Array, range: readonly [number, number]) =>
        Array.from(intensityHistogram(values, { bins: BINS, range, mask }))
      return {
        tissue,
        raw: count(input.raw, input.rawRange),
        ...(normalized === undefined ? {} : { normalized: count(normalized, input.normalizedRange) }),
      }
    }),
  }
}

/**
 * The part of a brain mask around its axial plane that windows of this stride cover without a window more than the plane
 * alone would need: enough for a preview of that plane, and for histograms of many voxels.
 */
export function axialSlab(mask: Uint8Array, shape: Shape3, stride: number): Uint8Array<ArrayBuffer> {
  const [nx, ny] = shape
  const slabOf = (z: number) => Math.floor(z / stride)
  const slab = slabOf(indexOf(PLANES[0], boxAround(mask, shape)))
  return Uint8Array.from(mask, (inside, voxel) =>
    inside > 0 && slabOf(Math.floor(voxel / (nx * ny))) === slab ? 1 : 0,
  )
}

type Plane = (typeof PLANES)[number]
type Box = readonly [low: readonly number[], high: readonly number[]]

function indexOf({ through, at }: Plane, [low, high]: Box): number {
  return Math.round(low[through]! + at * (high[through]! - low[through]!))
}

function predictedOn(plane: Plane, { shape, mask, predicted }: PreviewInput, box: Box): boolean {
  const strides = [1, shape[0], shape[0] * shape[1]]
  const index = indexOf(plane, box)
  return mask.every(
    (inside, voxel) =>
      inside === 0 ||
      predicted[voxel]! > 0 ||
      Math.floor(voxel / strides[plane.through]!) % shape[plane.through] !== index,
  )
}

function makeSlice(input: PreviewInput, [low, high]: Box, plane: Plane): PreviewSlice {
  const { across, down, through } = plane
  const width = high[across]! - low[across]! + 1
  const height = high[down]! - low[down]! + 1
  const [nx, ny] = input.shape
  const strides = [1, nx, nx * ny] as const
  const start = indexOf(plane, [low, high]) * strides[through]
  const pick = (value: (voxel: number) => number): string => {
    const pixels = new Uint8Array(width * height)
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const voxel = start + (low[across]! + column) * strides[across] + (high[down]! - row) * strides[down]
        pixels[row * width + column] = value(voxel)
      }
    }
    return base64(pixels)
  }
  const { normalized, reference, residual, changed } = input
  return {
    plane: plane.plane,
    width,
    height,
    aspect: input.spacing[down] / input.spacing[across],
    raw: pick(quantizer(input.raw, input.mask, input.rawRange)),
    ...(normalized && { normalized: pick(quantizer(normalized, input.mask, input.normalizedRange)) }),
    prediction: pick((voxel) => input.prediction[voxel]!),
    ...(reference && { reference: pick((voxel) => reference[voxel]!) }),
    ...(residual && { residual: pick(residualQuantizer(residual, input.normalizedRange)) }),
    ...(changed && { changed: pick((voxel) => changed[voxel]!) }),
  }
}

/** Grey levels of the brain over a range; black around it, also where 0 is in the middle of the range. */
function quantizer(values: Float32Array, mask: Uint8Array, [low, high]: readonly [number, number]) {
  return (voxel: number) =>
    mask[voxel]! > 0 ? Math.round(255 * Math.min(1, Math.max(0, (values[voxel]! - low) / (high - low)))) : 0
}

function residualQuantizer(residual: Float32Array, [low, high]: readonly [number, number]) {
  return (voxel: number) =>
    128 + Math.round(127 * Math.min(1, Math.max(-1, (2 * residual[voxel]!) / (high - low))))
}

/** First and last index of the mask on each axis with a small margin; the whole volume for an empty mask. */
function boxAround(mask: Uint8Array, shape: Shape3): Box {
  const box = boundingBox(shape, (voxel) => mask[voxel]! > 0)
  if (box === undefined) return [[0, 0, 0], shape.map((size) => size - 1)]
  return [
    box.low.map((position) => Math.max(0, position - MARGIN)),
    box.high.map((position, axis) => Math.min(shape[axis]! - 1, position + MARGIN)),
  ]
}
