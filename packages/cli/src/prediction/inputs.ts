import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, DataError, MissingInputError, type Subject, splitImageName } from '@voxnorm/data'
import { openDataset } from '@voxnorm/data/node'

/** One volume to predict: its files and where its outputs go. */
export interface PredictionInput {
  readonly id: string
  /** Site and split where a dataset says so, else `n/a`. */
  readonly site: string
  readonly split: string
  /** One file per modality, in the order of the model's channels. */
  readonly images: readonly string[]
  readonly mask?: string
  readonly names: OutputNames
}

/** Names of the outputs of one volume. */
export interface OutputNames {
  /** Folder inside OUT, empty for OUT itself. */
  readonly folder: string
  /** The input's name without ending, for example `NAME` or `sub-01_T1w`. */
  readonly stem: string
  /** Start of names that belong to the subject as a whole: `NAME`, or `sub-01` for a BIDS name. */
  readonly base: string
  /** The normalised image of each modality, without ending: `NAME_desc-norm` or `sub-01_desc-norm_T1w`. */
  readonly normalized: readonly string[]
  readonly bids: boolean
}

/**
 * Turns the words after `-i` into volumes: image files (several modalities joined by commas), folders of images, and
 * datasets as a table or a folder. `masks` go with image files one by one.
 *
 * Throws MissingInputError for what does not exist, and ConfigError when masks do not fit or two volumes would be
 * written to the same names.
 */
export async function readInputs(
  words: readonly string[],
  masks: readonly string[],
  modalities: readonly string[],
): Promise<PredictionInput[]> {
  const inputs: PredictionInput[] = []
  let files = 0
  for (const word of words) {
    if (isDatasetOrFolder(word)) {
      inputs.push(...(await readFolderOrTable(word, modalities)))
    } else {
      inputs.push(fromFiles(word.split(','), masks[files++], modalities))
    }
  }
  if (masks.length > 0 && masks.length !== files) {
    throw new ConfigError(`--mask names ${masks.length} files for ${files} image files.`, {
      fix: 'give one mask per item of -i, in the same order',
    })
  }
  return separate(inputs)
}

function isDatasetOrFolder(word: string): boolean {
  return /\.tsv$/i.test(word) || (existsSync(word) && statSync(word).isDirectory())
}

async function readFolderOrTable(word: string, modalities: readonly string[]): Promise<PredictionInput[]> {
  try {
    const { subjects } = await openDataset(word, { modalities })
    return subjects.map((subject) => fromSubject(subject, modalities))
  } catch (error) {
    // A folder of loose images is no dataset, and says nothing about modalities.
    if (!(error instanceof DataError) || /\.tsv$/i.test(word) || modalities.length > 1) throw error
    const images = readdirSync(word)
      .filter((name) => splitImageName(name).ending !== '' && !/\.img(\.gz)?$/i.test(name))
      .sort()
    if (images.length === 0) throw error
    return images.map((name) => fromFiles([path.join(word, name)], undefined, modalities))
  }
}

function fromSubject(subject: Subject, modalities: readonly string[]): PredictionInput {
  const images = modalities.map((modality) => subject.images[modality]!)
  const { id, site, split = 'n/a', mask } = subject
  return {
    id,
    site,
    split,
    images,
    ...(mask === undefined ? {} : { mask }),
    names: outputNames(images, modalities),
  }
}

function fromFiles(
  images: readonly string[],
  mask: string | undefined,
  modalities: readonly string[],
): PredictionInput {
  if (images.length !== modalities.length) {
    throw new ConfigError(
      `the model takes ${modalities.length} images per subject (${modalities.join(', ')}), but -i ${images.join(',')} names ${images.length}.`,
      {
        fix: `join the images of a subject with commas: ${modalities.map((name) => `${name}.nii.gz`).join(',')}`,
      },
    )
  }
  for (const file of [...images, ...(mask === undefined ? [] : [mask])]) {
    if (!existsSync(file)) {
      throw new MissingInputError('this input does not exist.', { file, fix: 'check the path' })
    }
  }
  const names = outputNames(images, modalities)
  return { id: names.base, site: 'n/a', split: 'n/a', images, ...(mask === undefined ? {} : { mask }), names }
}

function outputNames(images: readonly string[], modalities: readonly string[]): OutputNames {
  const stems = images.map((image) => splitImageName(image).stem)
  const stem = stems[0]!
  const bids = stems.map((name) => /^(sub-[A-Za-z0-9]+(?:_[a-z]+-[A-Za-z0-9]+)*)_([A-Za-z0-9]+)$/.exec(name))
  if (bids.every((match) => match !== null)) {
    return {
      folder: bidsFolder(images[0]!),
      stem,
      base: bids[0]![1]!,
      normalized: bids.map((match) => `${match[1]}_desc-norm_${match[2]}`),
      bids: true,
    }
  }
  // Images of one subject may differ only in their folder; then the modality tells them apart.
  const distinct = new Set(stems).size === stems.length
  const normalized = stems.map((name, channel) => (distinct ? name : `${name}_${modalities[channel]}`))
  return {
    folder: '',
    stem,
    base: stem,
    normalized: normalized.map((name) => `${name}_desc-norm`),
    bids: false,
  }
}

/** `sub-X[/ses-Y]/anat` when the image lies in such a folder, else empty. */
function bidsFolder(image: string): string {
  const match = /(sub-[A-Za-z0-9]+\/(?:ses-[A-Za-z0-9]+\/)?anat)\/[^/]+$/.exec(
    path.resolve(image).split(path.sep).join('/'),
  )
  return match?.[1] ?? ''
}

/** Subjects of a dataset whose files have equal names go into folders named by the subject. */
function separate(inputs: readonly PredictionInput[]): PredictionInput[] {
  const keyOf = ({ names }: PredictionInput) => `${names.folder}/${names.base}`
  const count = new Map<string, number>()
  for (const input of inputs) count.set(keyOf(input), (count.get(keyOf(input)) ?? 0) + 1)
  const separated = inputs.map((input) => {
    const own = input.site === 'n/a' ? undefined : `${input.site}/${input.id}`
    if (count.get(keyOf(input)) === 1 || own === undefined) return input
    return { ...input, names: { ...input.names, folder: own } }
  })
  const seen = new Map<string, PredictionInput>()
  for (const input of separated) {
    const other = seen.get(keyOf(input))
    if (other !== undefined) {
      throw new ConfigError(`${other.images[0]} and ${input.images[0]} would be written to the same names.`, {
        fix: 'predict them into different folders, or list them in a dataset.tsv with a participant_id each',
      })
    }
    seen.set(keyOf(input), input)
  }
  return separated
}
