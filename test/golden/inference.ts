import {
  gunzip,
  IDENTITY_AFFINE,
  type NamedVolume,
  type PreparedSubject,
  prepareSubject,
  readVolume,
  type Volume,
  windowStarts,
} from '@voxnorm/data'
import { createPredictor, type PredictedVolume, predictVolume } from '@voxnorm/models'
import type { CaseContext, CaseRunners } from './case-runner.ts'
import { type Comparison, compareValue } from './compare.ts'
import type { GoldenFolder } from './manifest.ts'
import { modelConfig, type NetworkCase } from './networks.ts'

interface InferenceCase extends Pick<NetworkCase, 'id' | 'op' | 'config' | 'weights'> {
  readonly attrs: {
    readonly window: number
    readonly stride: number
    readonly axes: string
    readonly orient: string
  }
  /** One image per channel. */
  readonly inputs: readonly string[]
  readonly mask: string | null
  readonly affine: readonly (readonly number[])[]
  readonly expected: { readonly norm: string; readonly probseg: string; readonly dseg: string }
  readonly brain_voxels: number
  readonly norm_mean_in_mask: number
  /** First voxels of the windows along every axis. */
  readonly starts: Readonly<Record<'x' | 'y' | 'z', readonly number[]>>
  readonly tol_abs: { readonly norm: number; readonly prob: number }
  /** Share of the brain's voxels whose label may differ. */
  readonly tol_flip_rate: number
}

/** Normalizes and segments a whole volume with overlapping windows. */
async function runInference(item: InferenceCase, { folder, runtime }: CaseContext): Promise<Comparison[]> {
  const { attrs, expected } = item
  if (attrs.axes !== 'zyx' || attrs.orient !== 'stored') {
    throw new TypeError(`axes ${attrs.axes}, orient ${attrs.orient}: only zyx, stored is implemented`)
  }
  const images = item.inputs.map((name) => readImage(folder, name))
  const mask = item.mask === null ? undefined : readImage(folder, item.mask)
  const prepared = prepareSubject(
    { id: item.id, site: 'n/a' },
    { images: images.map(asStored), ...(mask && { mask: asStored(mask) }) },
    { scaling: 'max' },
  )
  const predictor = await createPredictor(runtime, {
    config: modelConfig(item.config),
    names: ['generator', 'segmenter'],
    tensors: folder.weights(item.weights.files),
  })
  const got = await predictVolume(predictor, prepared, { window: attrs.window, stride: attrs.stride })
  predictor.dispose()
  return [
    ...compareGeometry(item, images[0]!.volume, prepared),
    ...compareImages(
      'norm',
      apart(got.normalized, prepared.channels),
      readImages(folder, expected.norm),
      item.tol_abs.norm,
    ),
    ...compareImages(
      'probseg',
      apart(got.probabilities, 4),
      readImages(folder, expected.probseg),
      item.tol_abs.prob,
    ),
    ...compareLabels(item, folder, prepared, got),
  ]
}

/** The images of interleaved values. */
const apart = (values: Float32Array, images: number): Float32Array[] =>
  Array.from({ length: images }, (_, image) => values.filter((_, index) => index % images === image))

const readImage = (folder: GoldenFolder, name: string): NamedVolume => ({
  file: name,
  volume: readVolume(folder.bytes(name), { name }),
})

/** With axes that already point along x, y and z, nothing is reordered or flipped. */
const asStored = ({ file, volume }: NamedVolume): NamedVolume => ({
  file,
  volume: { ...volume, affine: IDENTITY_AFFINE },
})

function compareGeometry(item: InferenceCase, volume: Volume, { mask }: PreparedSubject): Comparison[] {
  const { window, stride } = item.attrs
  const [x, y, z] = volume.shape.map((size) => windowStarts(size, window, stride))
  return [
    // Headers hold single precision.
    ...compareValue('affine', Array.from(volume.affine), item.affine.flat(), 1e-5),
    ...compareValue('starts', { x, y, z }, item.starts, 0),
    ...compareValue('brain voxels', countOnes(mask), item.brain_voxels, 0),
  ]
}

const countOnes = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0)

function compareImages(
  name: string,
  got: readonly Float32Array[],
  expected: readonly Volume[],
  tolerance: number,
): Comparison[] {
  if (got.length !== expected.length) {
    throw new TypeError(`${name} has ${got.length} images, should have ${expected.length}`)
  }
  return expected.map(({ data }, image) => {
    let error = 0
    data.forEach((value, voxel) => {
      const own = Math.abs(got[image]![voxel]! - value)
      if (own > error || Number.isNaN(own)) error = own
    })
    return { name: `${name} ${image}`, error, tolerance }
  })
}

function compareLabels(
  item: InferenceCase,
  folder: GoldenFolder,
  { mask, channels }: PreparedSubject,
  { labels, normalized }: PredictedVolume,
): Comparison[] {
  const expected = readImage(folder, item.expected.dseg).volume.data
  const brain = countOnes(mask)
  const flipped = expected.reduce((sum, label, voxel) => sum + (label === labels[voxel] ? 0 : 1), 0)
  const total = normalized.reduce((sum, value) => sum + value, 0)
  const mean = total / brain / channels
  return [
    { name: 'share of flipped labels', error: flipped / brain, tolerance: item.tol_flip_rate },
    ...compareValue('mean of norm', mean, item.norm_mean_in_mask, item.tol_abs.norm),
  ]
}

// Where a NIfTI-1 header says how many axes there are, the size of the fourth, and where voxels begin.
const HEADER = { axes: 40, fourth: 48, start: 108 }

/** The volumes of a NIfTI-1 file with up to four axes; the reader of the engine takes three. */
function readImages(folder: GoldenFolder, name: string): Volume[] {
  const bytes = gunzip(folder.bytes(name), name)
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (header.getInt16(HEADER.axes, true) < 4) return [readVolume(bytes, { name })]
  const count = header.getInt16(HEADER.fourth, true)
  const start = header.getFloat32(HEADER.start, true)
  const size = (bytes.length - start) / count
  return Array.from({ length: count }, (_, index) => {
    const own = new Uint8Array(start + size)
    own.set(bytes.subarray(0, start))
    own.set(bytes.subarray(start + index * size, start + (index + 1) * size), start)
    const ownHeader = new DataView(own.buffer)
    ownHeader.setInt16(HEADER.axes, 3, true)
    ownHeader.setInt16(HEADER.fourth, 1, true)
    return readVolume(own, { name })
  })
}

/** Whole volumes, on the device. */
export const inferenceRunners: CaseRunners = {
  inference: (item, context) => runInference(item as unknown as InferenceCase, context),
}
