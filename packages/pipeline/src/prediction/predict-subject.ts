import {
  type Affine,
  CLASSES,
  imageAxes,
  type LabelVolume,
  type MaskFrom,
  makeVolume,
  type NamedVolume,
  type PreparedSubject,
  prepareSubject,
  resampleLinear,
  type Scaling,
  sameGrid,
  toRas,
  type Volume,
  voxelCount,
  voxelSizes,
} from '@voxnorm/data'
import type { PredictedVolume } from '@voxnorm/models'

/** Which grid the networks work on; see the flag `--grid`. */
export type GridChoice = 'model' | 'native' | 'stored'

/** How a subject is brought to the networks' grid. */
export interface PredictionOptions {
  readonly grid: GridChoice
  readonly scaling: Scaling
  /** The model's landmarks, for the scaling `nyul`. */
  readonly standardScale?: readonly (readonly number[])[]
  /** How to find the brain without a mask file. */
  readonly maskFrom: MaskFrom
  /** Edge of the model's voxels in mm. */
  readonly voxelSize: number
}

/** The outputs on the grid of the input, with its header. */
export interface SubjectPrediction {
  /** One volume per modality. */
  readonly normalized: readonly Volume[]
  /** Internal classes. */
  readonly labels: LabelVolume
  /** One volume per internal class. */
  readonly probabilities: readonly Volume[]
  readonly prepared: PreparedSubject
  readonly output: PredictedVolume
}

/**
 * Prepares a subject, lets `network` work on it, and brings the result back to the subject's own grid.
 *
 * Where the grids differ, images and probabilities are interpolated linearly and the labels are the class of the largest
 * interpolated probability; where only the order of the axes differs, voxels move and do not change. Throws DataError,
 * naming the file, for images that cannot be used.
 */
export async function predictSubject(
  id: string,
  images: readonly NamedVolume[],
  mask: NamedVolume | undefined,
  options: PredictionOptions,
  network: (prepared: PreparedSubject) => Promise<PredictedVolume>,
): Promise<SubjectPrediction> {
  const stored = options.grid === 'stored'
  // A grid whose axes already point along x, y and z is neither reordered nor flipped.
  const place = (named: NamedVolume): NamedVolume =>
    stored ? { ...named, volume: { ...named.volume, affine: unturned(named.volume) } } : named
  const prepared = prepareSubject(
    { id, site: 'n/a' },
    { images: images.map(place), ...(mask === undefined ? {} : { mask: place(mask) }) },
    {
      scaling: options.scaling,
      maskFrom: options.maskFrom,
      ...(options.standardScale && { standardScale: options.standardScale }),
      ...(options.grid === 'model' && { voxelSize: options.voxelSize }),
    },
  )
  const output = await network(prepared)
  const first = images[0]!.volume
  const restore = restorer(first, stored, prepared)
  const normalized = images.map(({ volume }, channel) => ({
    ...restore(channelOf(output.normalized, prepared.channels, channel)),
    header: volume.header,
  }))
  const tissues = CLASSES.map((_, label) => restore(channelOf(output.probabilities, CLASSES.length, label)))
  const probabilities = [completeBackground(tissues), ...tissues.slice(1)]
  return { normalized, probabilities, labels: largest(probabilities), prepared, output }
}

/** Voxels of the same size along x, y and z. */
function unturned({ affine }: Volume): Affine {
  const [dx, dy, dz] = voxelSizes(affine)
  return [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0, 0, 0, 0, 1]
}

/** The way back from the networks' grid to the grid of `original`. */
function restorer(
  original: Volume,
  stored: boolean,
  prepared: PreparedSubject,
): (data: Float32Array) => Volume {
  const { affine, header, shape } = original
  if (stored) return (data) => makeVolume(shape, data, affine, header)
  const networkShape = imageAxes(prepared.shape)
  const ras = toRas(original)
  if (sameGrid(ras.volume, { shape: networkShape, affine: prepared.affine }, 1e-4)) {
    return (data) => ras.restore({ ...ras.volume, data })
  }
  return (data) => resampleLinear(makeVolume(networkShape, data, prepared.affine), { shape, affine, header })
}

/** One channel of values [D, H, W, C]; of an only channel the values themselves. */
export function channelOf(values: Float32Array, channels: number, channel: number): Float32Array {
  if (channels === 1) return values
  return Float32Array.from(
    { length: values.length / channels },
    (_, voxel) => values[voxel * channels + channel]!,
  )
}

/** Beyond the edge of the networks' grid all probabilities come back as 0; that place is background. */
function completeBackground(tissues: readonly Volume[]): Volume {
  const [background, ...others] = tissues as [Volume, ...Volume[]]
  const data = background.data.map((value, voxel) => {
    const sum = others.reduce((total, other) => total + other.data[voxel]!, value)
    return sum === 0 ? 1 : value
  })
  return { ...background, data }
}

function largest(probabilities: readonly Volume[]): LabelVolume {
  const { shape, affine, header } = probabilities[0]!
  const data = new Uint8Array(voxelCount(shape))
  for (let voxel = 0; voxel < data.length; voxel++) {
    for (let label = 1; label < probabilities.length; label++) {
      if (probabilities[label]!.data[voxel]! > probabilities[data[voxel]!]!.data[voxel]!) data[voxel] = label
    }
  }
  return { shape, affine, header, data }
}
