import {
  CLASSES,
  formatTable,
  fromInternal,
  type LabelConvention,
  type LabelVolume,
  type MaskFrom,
  segmentationRows,
  specificationOf,
  voxelSizes,
} from '@voxnorm/data'
import { basename, join, relative, resolve } from 'pathe'
import { writeImage } from '../images.ts'
import { LOCK_NAME, readText, type Sink } from '../storage.ts'
import { brainFields } from './brain-outputs.ts'
import { RECORDS } from './finished.ts'
import { DESCRIPTION, isMadeByPredict, PREDICTION, parseDescription } from './folder-description.ts'
import type { PredictionInput } from './input.ts'
import { insideBids } from './output-names.ts'
import type { SubjectPrediction } from './predict-subject.ts'
import type { Trust } from './trust.ts'
import { TRUST_COLUMNS, trustFields, trustRows } from './trust-outputs.ts'

/** What a sidecar says about how an output came about. */
export interface Provenance {
  readonly version: string
  readonly modelFile: string
  readonly modelSha256: string
  readonly trainingSites: readonly string[]
  /** False where the segmenter saw the scaled input itself. */
  readonly normalized: boolean
  readonly seed: number
  readonly adapter: string
  readonly grid: string
  /** How the brain is found without a mask file. */
  readonly maskFrom: MaskFrom
  readonly window: number
  readonly stride: number
}

/** How {@link writePrediction} writes. */
export interface WriteChoices {
  readonly convention: LabelConvention
  readonly probabilities: boolean
  readonly provenance: Provenance
}

/** Volumes of the tissues of one subject: a row of the volumes table. */
export interface VolumeRow {
  readonly index: number
  readonly name: string
  readonly n_voxels: number
  readonly volume_mm3: number
  /** Sum of the probabilities times the volume of a voxel. */
  readonly volume_soft_mm3: number
}

/** Writes all files of one subject and returns their names and the volumes of the tissues. */
export async function writePrediction(
  sink: Sink,
  input: PredictionInput,
  prediction: SubjectPrediction,
  trust: Trust,
  choices: WriteChoices,
): Promise<{ readonly files: readonly string[]; readonly volumes: readonly VolumeRow[] }> {
  const { names } = input
  const { convention, provenance } = choices
  const description = `voxnorm ${provenance.version} model@${provenance.modelSha256.slice(0, 12)}`
  const files: string[] = []
  const at = (name: string) => {
    const file = join(names.folder, name)
    files.push(file)
    return file
  }
  for (const [channel, volume] of prediction.normalized.entries()) {
    await writeImage(sink, at(`${names.normalized[channel]}.nii.gz`), volume, { description })
  }
  const numbers: LabelVolume = {
    ...prediction.labels,
    data: fromInternal(prediction.labels.data, convention),
  }
  await writeImage(sink, at(`${names.base}_dseg.nii.gz`), numbers, { description })
  if (choices.probabilities) {
    for (const [label, volume] of prediction.probabilities.entries()) {
      await writeImage(sink, at(`${names.base}_label-${CLASSES[label]}_probseg.nii.gz`), volume, {
        description,
        displayRange: [0, 1],
      })
    }
  }
  const volumes = volumeRows(prediction, convention)
  const table = (name: string, columns: readonly string[], rows: readonly object[]) =>
    sink.write(
      at(`${names.base}_${name}.tsv`),
      formatTable(
        columns,
        rows.map((row) => ({ ...row })),
      ),
    )
  await table('volumes', ['index', 'name', 'n_voxels', 'volume_mm3', 'volume_soft_mm3'], volumes)
  await table('trust', TRUST_COLUMNS, trustRows(trust))
  const json = (name: string, fields: object) =>
    sink.write(at(`${name}.json`), `${JSON.stringify(fields, null, 2)}\n`)
  const { prepared } = prediction
  const common = { ...sidecar(sink.name, input, provenance, trust), ...brainFields(prepared, input) }
  // An image that is 0 outside the mask is stripped, if the mask is that of a brain.
  const image = { ...common, SkullStripped: prepared.brain.plausible }
  if (!names.bids) {
    await json(names.base, { ...image, LabelConvention: specificationOf(convention) })
    return { files, volumes }
  }
  for (const name of names.normalized) await json(name, image)
  await json(`${names.base}_dseg`, { ...common, LabelConvention: specificationOf(convention) })
  if (choices.probabilities) {
    for (const label of CLASSES) await json(`${names.base}_label-${label}_probseg`, common)
  }
  return { files, volumes }
}

/** What a folder of predictions holds that is not in BIDS; `.bidsignore` names it. */
const NOT_BIDS = [
  '*.html',
  'figures/',
  `${RECORDS}/`,
  '*_volumes.tsv',
  '*_trust.tsv',
  'failures.tsv',
  LOCK_NAME,
]

/** dseg.tsv: what the numbers of the label maps in a folder stand for. */
export function labelTable(convention: LabelConvention): string {
  const columns = ['index', 'name', 'abbreviation', 'color', 'mapping']
  return formatTable(
    columns,
    segmentationRows(convention).map((row) => ({ ...row })),
  )
}

/**
 * Writes what belongs to the output folder as a whole: the description of a derivative and the table of labels. What
 * somebody added to the description or to `.bidsignore` stays.
 */
export async function writeFolderFiles(
  sink: Sink,
  folder: {
    readonly provenance: Provenance
    readonly convention: LabelConvention
    readonly inputs: readonly PredictionInput[]
  },
): Promise<void> {
  const { provenance, convention, inputs } = folder
  const out = sink.name
  const raw = inputs.map((input) => rawDataset(out, input)).find((root) => root !== undefined)
  const made = {
    GeneratedBy: [{ Name: 'voxnorm', Version: provenance.version, Description: PREDICTION }],
    ...(raw === undefined ? {} : { DatasetLinks: { raw: slashes(relative(out, raw)) } }),
  }
  const earlier = parseDescription(await readText(sink, DESCRIPTION))
  const description = {
    Name: 'Normalised images and tissue maps',
    BIDSVersion: '1.10.0',
    DatasetType: 'derivative',
    ...(isMadeByPredict(earlier) && earlier),
    ...made,
  }
  await sink.write(DESCRIPTION, `${JSON.stringify(description, null, 2)}\n`)
  await sink.write('dseg.tsv', labelTable(convention))
  const ignored = (await readText(sink, '.bidsignore'))?.trimEnd().split('\n') ?? []
  await sink.write('.bidsignore', `${[...new Set([...ignored, ...NOT_BIDS])].join('\n')}\n`)
}

function volumeRows({ labels, probabilities }: SubjectPrediction, convention: LabelConvention): VolumeRow[] {
  const [x, y, z] = voxelSizes(labels.affine)
  const voxel = x * y * z
  return segmentationRows(convention)
    .filter(({ abbreviation }) => abbreviation !== 'BG')
    .map(({ index, abbreviation }) => {
      const label = CLASSES.indexOf(abbreviation)
      const hard = labels.data.reduce((sum, value) => (value === label ? sum + 1 : sum), 0)
      const soft = probabilities[label]!.data.reduce((sum, value) => sum + value, 0)
      return {
        index,
        name: abbreviation,
        n_voxels: hard,
        volume_mm3: round(hard * voxel),
        volume_soft_mm3: round(soft * voxel),
      }
    })
}

/** Micrometre cubes are noise. */
function round(volume: number): number {
  return Number(volume.toFixed(3))
}

/** The BIDS dataset of the input when `out` lies in it; elsewhere the way to it would tell about the machine. */
function rawDataset(out: string, { images }: PredictionInput): string | undefined {
  const root = images[0] === undefined ? undefined : insideBids(images[0])?.root
  return root !== undefined && !relative(root, resolve(out)).startsWith('..') ? root : undefined
}

/** How a sidecar names an input: as a BIDS URI, else by its place in its BIDS dataset, else by its name alone. */
function sourceName(out: string, input: PredictionInput, file: string): string {
  const root = input.names.bids ? insideBids(input.images[0]!)?.root : undefined
  const inside = root === undefined ? '..' : slashes(relative(root, resolve(file)))
  if (inside.startsWith('..')) return basename(file)
  return rawDataset(out, input) === undefined ? inside : `bids:raw:${inside}`
}

function slashes(name: string): string {
  return name.replaceAll('\\', '/')
}

/** No absolute path gets into a sidecar, so that it can be shared. */
function sidecar(
  out: string,
  input: PredictionInput,
  provenance: Provenance,
  trust: Trust,
): Readonly<Record<string, unknown>> {
  const { images, mask } = input
  const { version, modelFile, modelSha256, trainingSites, normalized, seed, adapter, grid, window, stride } =
    provenance
  return {
    GeneratedBy: [{ Name: 'voxnorm', Version: version }],
    // What the subject was to the model: evaluate says of which scores it knew the subject.
    ...(input.split === 'n/a' ? {} : { Split: input.split }),
    Sources: [...images, ...(mask === undefined ? [] : [mask])].map((file) => sourceName(out, input, file)),
    Normalization: {
      Method: normalized
        ? 'adversarial normalisation and segmentation'
        : 'segmentation without normalisation',
      ModelName: basename(modelFile),
      ModelSHA256: modelSha256,
      TrainingSites: trainingSites,
      SiteLabelUsed: false,
      Grid: grid,
      Window: window,
      Stride: stride,
      Blend: 'mean',
      Seed: seed,
      Adapter: adapter,
      ...trustFields(trust),
    },
  }
}
