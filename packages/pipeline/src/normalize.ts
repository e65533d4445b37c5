import {
  DataError,
  fromInternal,
  type LabelSpecification,
  type LabelVolume,
  labelConvention,
  MASK_FROM,
  type MaskFrom,
  MissingInputError,
  type Volume,
} from '@voxnorm/data'
import {
  createPredictor,
  type ModelConfig,
  predictVolume,
  readModel,
  type StoredModel,
} from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import type { Log } from './log.ts'
import { type Assessor, assessHere } from './prediction/assessor.ts'
import type { PredictionInput } from './prediction/input.ts'
import { outputNames } from './prediction/output-names.ts'
import { predictScan } from './prediction/predict-scan.ts'
import type { GridChoice } from './prediction/predict-subject.ts'
import type { Trust } from './prediction/trust.ts'
import { trustWarnings } from './prediction/trust-outputs.ts'
import { type Provenance, type VolumeRow, writePrediction } from './prediction/write-outputs.ts'
import { stopOnAbort } from './stop.ts'
import { openMemorySink, type Source, sha256 } from './storage.ts'
import { VERSION } from './version.ts'

/** A file in memory. */
export interface NamedBytes {
  /** As the user knows it: outputs are called after it, and messages name it. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** How {@link normalize} works; what is not given is as in `voxnorm predict`. */
export interface NormalizeOptions {
  /** The device to work on: `await Runtime.open(navigator.gpu)`. */
  readonly runtime: Runtime
  /** Voxels above zero are brain. */
  readonly mask?: NamedBytes
  /** How the brain is found without a mask. */
  readonly maskFrom?: MaskFrom
  readonly grid?: GridChoice
  /** Side of the windows in voxels; the patch of the model by default. */
  readonly window?: number
  /** Voxels from window to window; 8 by default. */
  readonly stride?: number
  /** What the numbers of the labels mean; those of BIDS by default. */
  readonly labels?: LabelSpecification
  /** Ends the work between two windows: StoppedError. */
  readonly signal?: AbortSignal
  /** Hears how many windows of the scan are done. */
  readonly onProgress?: (done: number, total: number) => void
  /** Judges the result; on this thread by default. */
  readonly assessor?: Assessor
}

/** What became of a scan, on its own grid. */
export interface Normalized {
  /** The normalised image of the first modality. */
  readonly image: Volume
  /** The normalised images of all modalities. */
  readonly images: readonly Volume[]
  /** Tissues as numbers of the chosen convention. */
  readonly labels: LabelVolume
  /** Probabilities of background, CSF, grey and white matter, in this order. */
  readonly probabilities: readonly Volume[]
  /** Volumes of the tissues. */
  readonly volumes: readonly VolumeRow[]
  /** How far the result can be trusted. */
  readonly trust: Trust
  /** What is odd in the files, and what speaks against the result. */
  readonly warnings: readonly string[]
  /** The files that `voxnorm predict --save-probabilities` writes for the scan, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

const DEFAULT_STRIDE = 8

/**
 * Normalises and segments one scan with a model that `voxnorm train` made: from the bytes of a model file and of an image
 * file (NIfTI, Analyze or MGH, gzipped or not; one for each modality of the model, in its order) to images, labels and
 * files on the grid of the scan.
 *
 * Throws DataError for files that cannot be used and StoppedError after the signal.
 */
export async function normalize(
  model: Uint8Array,
  scan: Uint8Array | NamedBytes | readonly NamedBytes[],
  options: NormalizeOptions,
): Promise<Normalized> {
  const { runtime, mask, signal, onProgress } = options
  const stored = readModel(model)
  const { config, intensityReference } = stored
  const scans = namedScans(scan)
  const input = inputOf(scans, mask, config)
  const provenance = provenanceOf(stored, await sha256(model), options)
  const { window, stride } = provenance
  const stop = stopOnAbort(signal)
  const goOn = () => stop.throwIfStopped('the scan is not normalised')
  const warnings: string[] = []
  const predictor = await createPredictor(runtime, stored)
  try {
    const { prediction, assessment } = await predictScan(
      input,
      (prepared, onWindow) => predictVolume(predictor, prepared, { window, stride, onProgress: onWindow }),
      {
        source: memorySource(mask === undefined ? scans : [...scans, mask]),
        assessor: options.assessor ?? assessHere,
        grid: options.grid ?? 'model',
        model: config,
        provenance,
        ...(intensityReference && { intensityReference }),
      },
      collectWarnings(warnings),
      {
        goOn,
        onProgress(done, total) {
          goOn()
          onProgress?.(done, total)
        },
      },
    )
    const convention = labelConvention(options.labels ?? 'bids')
    const choices = { convention, probabilities: true, provenance }
    const sink = openMemorySink()
    const { trust } = assessment
    const { volumes } = await writePrediction(sink, input, prediction, trust, choices)
    const { normalized: images, labels, probabilities } = prediction
    return {
      image: images[0]!,
      images,
      labels: { ...labels, data: fromInternal(labels.data, convention) },
      probabilities,
      volumes,
      trust,
      warnings: [...warnings, ...trustWarnings(trust)],
      files: sink.files,
    }
  } finally {
    predictor.dispose()
  }
}

/** The scans as one subject. Throws DataError unless there is one for each modality of the model. */
function inputOf(
  scans: readonly NamedBytes[],
  mask: NamedBytes | undefined,
  { modalities }: ModelConfig,
): PredictionInput {
  if (scans.length !== modalities.length) {
    throw new DataError(
      `the model takes ${modalities.length} images per subject (${modalities.join(', ')}), but got ${scans.length}.`,
    )
  }
  const images = scans.map(({ name }) => name)
  const names = outputNames(images, modalities)
  return { id: names.base, site: 'n/a', split: 'n/a', images, ...(mask && { mask: mask.name }), names }
}

/** What sidecars say of the way in which the files come about. */
function provenanceOf(
  { config, names }: StoredModel,
  modelSha256: string,
  options: NormalizeOptions,
): Provenance {
  const { runtime, grid = 'model', maskFrom = MASK_FROM[0], window = config.patch } = options
  return {
    version: VERSION,
    modelFile: 'model.safetensors',
    modelSha256,
    trainingSites: config.sites,
    normalized: names.includes('generator'),
    seed: 42,
    adapter: runtime.capabilities.adapter,
    grid,
    maskFrom,
    window,
    stride: options.stride ?? Math.min(DEFAULT_STRIDE, window),
  }
}

function namedScans(scan: Uint8Array | NamedBytes | readonly NamedBytes[]): readonly NamedBytes[] {
  if (scan instanceof Uint8Array) return [{ name: 'scan.nii', bytes: scan }]
  return 'bytes' in scan ? [scan] : scan
}

function memorySource(files: readonly NamedBytes[]): Source {
  const byName = new Map(files.map(({ name, bytes }) => [name, bytes]))
  return {
    has: async (name) => byName.has(name),
    async read(name) {
      const bytes = byName.get(name)
      if (bytes === undefined) throw new MissingInputError('there is no such file.', { file: name })
      return bytes
    },
  }
}

/** A log of which only the warnings are kept. */
function collectWarnings(warnings: string[]): Log {
  const nothing = () => {}
  return {
    info: nothing,
    warning: (_event, message) => warnings.push(message),
    error: nothing,
    progress: nothing,
    endProgress: nothing,
    copyTo: nothing,
  }
}
