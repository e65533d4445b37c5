import {
  ConfigError,
  copyCube,
  type PreparedSubject,
  type Triple,
  windowAggregator,
  windowCorners,
} from '@voxnorm/data'
import {
  compile,
  f32,
  input,
  largestBytes,
  type Plan,
  type Runtime,
  SlotPool,
  type Tensor,
  tensorRoom,
} from '@voxnorm/tensor'
import type { SideRule } from './architecture.ts'
import { ARCHITECTURES, type Architectures, sidesOf, viewGeometry } from './architectures.ts'
import type { ModelConfig } from './config.ts'
import type { StoredModel } from './model-file.ts'
import {
  allocateNetworks,
  disposeNetworks,
  generate,
  loadNetworks,
  makeNetworks,
  type Networks,
  segment,
} from './networks.ts'
import { checkChannels, checkWindows } from './volume-check.ts'
import { normalizeVolume } from './volume-normalizer.ts'

/** A model on a device, ready for volumes. Plans are compiled once per size of window. */
export interface Predictor {
  readonly config: ModelConfig
  readonly runtime: Runtime
  /** For the windows. */
  readonly sides: SideRule
  /** The plan for batches of windows of this side, and the size of the batches. */
  planFor(window: number, batch: number | undefined): Promise<{ readonly plan: Plan; readonly batch: number }>
  /** Whether the model has a generator. */
  readonly normalizes: boolean
  /** What a generator that sees volumes makes of one, `[D, H, W, C]`; windows are then cut from that for S. */
  readonly normalize: ((volume: PredictableVolume) => Promise<Float32Array>) | undefined
  dispose(): void
}

/** How a volume is cut into windows. */
export interface Windows {
  /** Their side in voxels, as `Predictor.sides` has it. */
  readonly window: number
  /** Voxels from one window to the next. */
  readonly stride: number
}

/** How a volume is predicted; the side of the windows is by default that of the training patches. */
export interface PredictOptions extends Pick<Windows, 'stride'>, Partial<Pick<Windows, 'window'>> {
  /** Windows at once; by default as many as suit the device, 8 at most. */
  readonly batch?: number
  /** Called after every batch. */
  readonly onProgress?: (done: number, total: number) => void
}

/** The part of a prepared subject that is predicted from. */
export type PredictableVolume = Pick<PreparedSubject, 'shape' | 'channels' | 'image' | 'mask'>

/** One finished slice. Outside the mask the image is 0 and the class is background with probability 1. */
export interface PredictedPlane {
  readonly z: number
  /** `[H, W, C]`: mean of G's output; the input itself where the model has no generator. */
  readonly normalized: Float32Array
  /** `[H, W, 4]`: mean of the class probabilities. */
  readonly probabilities: Float32Array
  /** `[H, W]`: the most probable class. */
  readonly labels: Uint8Array
}

/** A whole predicted volume. Outside the mask it is as {@link PredictedPlane} says. */
export interface PredictedVolume {
  /** `[D, H, W, C]`: the generator's output, or the input itself. */
  readonly normalized: Float32Array
  /** `[D, H, W, 4]`: probabilities of the classes. */
  readonly probabilities: Float32Array
  /** `[D, H, W]`: the most probable class. */
  readonly labels: Uint8Array
}

/** More windows at once gain nothing and cost memory. */
const LARGEST_BATCH = 8

/**
 * The largest tensor of a batch on a software renderer. With the paper's networks that is one window of 32³, some seconds
 * of work: a stop signal is answered between batches, of which two are under way.
 */
const SOFTWARE_BATCH_BYTES = 2 ** 21

/** Puts generator and segmenter of a model on a device; `architectures` are those that it may name. */
export async function createPredictor(
  runtime: Runtime,
  model: StoredModel,
  architectures: Architectures = ARCHITECTURES,
): Promise<Predictor> {
  const { config } = model
  const names = model.names.filter((name) => name !== 'discriminator')
  const networks = makeNetworks(config, names, architectures)
  await allocateNetworks(runtime, networks)
  loadNetworks(networks, model.tensors)
  const geometry = networks.generator && viewGeometry(config, architectures)
  const windowed: Networks = geometry ? { segmenter: networks.segmenter } : networks
  const pool = new SlotPool(runtime)
  const plans = new Map<string, Plan>()
  return {
    config,
    runtime,
    sides: sidesOf(config, { generator: networks.generator !== undefined }, architectures),
    normalizes: networks.generator !== undefined,
    async planFor(window, wanted) {
      const batch = wanted ?? batchFor(runtime, windowed, config, window)
      const key = `${window}x${batch}`
      let plan = plans.get(key)
      if (!plan) {
        const outputs = predictionGraph(windowed, config, window, batch)
        plan = await compile(runtime, { name: `predict ${key}`, outputs }, { pool })
        plans.set(key, plan)
      }
      return { plan, batch }
    },
    normalize: geometry && ((volume) => normalizeVolume(runtime, networks, config, geometry, volume)),
    dispose() {
      for (const plan of plans.values()) plan.dispose()
      plans.clear()
      pool.dispose()
      disposeNetworks(networks)
    },
  }
}

/** S, and before it G if it is among them, on a batch of windows in evaluation mode. Input: `windows`. */
function predictionGraph(
  networks: Networks,
  config: ModelConfig,
  window: number,
  batch: number,
): Record<string, Tensor> {
  const x = input('windows', f32(batch, window, window, window, config.modalities.length))
  const normalized = networks.generator && generate(networks, config, x, 'evaluation').image
  const { probabilities } = segment(networks, config, normalized ?? x, 'evaluation')
  return { probabilities, ...(normalized && { normalized }) }
}

function batchFor(runtime: Runtime, networks: Networks, config: ModelConfig, window: number): number {
  const room = tensorRoom(runtime)
  const bytes = largestBytes(Object.values(predictionGraph(networks, config, window, 1)))
  if (bytes > room) {
    throw new ConfigError(
      `A window of ${window} voxels needs ${bytes} bytes in one piece, the device allows ${room}.`,
      {
        fix: 'use a smaller window',
      },
    )
  }
  const { software } = runtime.capabilities
  const wanted = software ? Math.max(1, Math.floor(SOFTWARE_BATCH_BYTES / bytes)) : LARGEST_BATCH
  return Math.min(LARGEST_BATCH, wanted, Math.floor(room / bytes))
}

/**
 * Normalizes and segments a volume slice by slice (docs/method.md#prediction): windows that touch the mask, the mean over those
 * that cover a voxel, the most probable class. Axes shorter than the window are padded with zeros at the far end. Never
 * holds more than one slab of windows, whatever the depth of the volume.
 *
 * Throws ConfigError for a window that does not suit the networks or the device, DataError for a volume that does not
 * suit the model.
 */
export async function* predictPlanes(
  predictor: Predictor,
  volume: PredictableVolume,
  options: PredictOptions,
): AsyncGenerator<PredictedPlane, void, void> {
  const { config } = predictor
  const { shape, channels, mask } = volume
  const { window = config.patch, stride, onProgress } = options
  checkChannels(config, volume)
  checkWindows(predictor.sides, { window, stride })
  const corners = windowCorners(shape, window, stride, mask)
  const whole = await predictor.normalize?.(volume)
  const image = whole ?? volume.image
  const { plan, batch } = await predictor.planFor(window, options.batch)
  const size = window ** 3
  const classes = config.classes.length
  const sums = {
    normalized: windowAggregator(shape, window, channels),
    probabilities: windowAggregator(shape, window, classes),
  }

  function* finish(z: number): Generator<PredictedPlane> {
    const normalized = sums.normalized.finishedThrough(z)
    const probabilities = sums.probabilities.finishedThrough(z)
    const length = shape[1] * shape[2] * channels
    for (const [index, { z, values }] of probabilities.entries()) {
      const plane = whole?.slice(z * length, (z + 1) * length) ?? normalized[index]!.values
      yield withinMask(volume, z, plane, values)
    }
  }
  function* collect(
    covered: readonly Triple[],
    results: Record<string, Float32Array>,
    windows: Float32Array,
  ) {
    for (const [place, corner] of covered.entries()) {
      yield* finish(corner[0])
      const normalized = results['normalized'] ?? windows
      sums.normalized.add(corner, normalized, place * size * channels)
      sums.probabilities.add(corner, results['probabilities']!, place * size * classes)
    }
  }

  // One batch ahead: the device computes while the host adds up the batch before.
  let before: (() => Promise<Generator<PredictedPlane>>) | undefined
  for (let done = 0; done < corners.length; done += batch) {
    const covered = corners.slice(done, done + batch)
    const windows = new Float32Array(batch * size * channels)
    covered.forEach((corner, place) => {
      copyCube({ data: image, shape, channels }, corner, window, windows, place * size * channels)
    })
    const running = plan.run({ windows })
    running.catch(() => undefined)
    if (before) yield* await before()
    before = async () => collect(covered, await running, windows)
    onProgress?.(Math.min(done + batch, corners.length), corners.length)
  }
  if (before) yield* await before()
  yield* finish(shape[0])
}

/** All slices of `predictPlanes` put together. */
export async function predictVolume(
  predictor: Predictor,
  volume: PredictableVolume,
  options: PredictOptions,
): Promise<PredictedVolume> {
  const [depth, height, width] = volume.shape
  const plane = height * width
  const classes = predictor.config.classes.length
  const normalized = new Float32Array(depth * plane * volume.channels)
  const probabilities = new Float32Array(depth * plane * classes)
  const labels = new Uint8Array(depth * plane)
  for await (const done of predictPlanes(predictor, volume, options)) {
    normalized.set(done.normalized, done.z * plane * volume.channels)
    probabilities.set(done.probabilities, done.z * plane * classes)
    labels.set(done.labels, done.z * plane)
  }
  return { normalized, probabilities, labels }
}

function withinMask(
  { shape, mask, channels }: PredictableVolume,
  z: number,
  normalized: Float32Array,
  probabilities: Float32Array,
): PredictedPlane {
  const count = shape[1] * shape[2]
  const classes = probabilities.length / count
  const labels = new Uint8Array(count)
  for (let voxel = 0; voxel < count; voxel++) {
    const row = probabilities.subarray(voxel * classes, (voxel + 1) * classes)
    if (mask[z * count + voxel]! > 0) {
      labels[voxel] = row.indexOf(Math.max(...row))
      continue
    }
    normalized.fill(0, voxel * channels, (voxel + 1) * channels)
    row.fill(0)
    row[0] = 1
  }
  return { z, normalized, probabilities, labels }
}
