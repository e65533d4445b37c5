import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, DataError, MissingInputError, type Subject, splitImageName } from '@voxnorm/data'
import { openDataset } from '@voxnorm/data/node'
import { type OutputNames, outputNames } from './output-names.ts'

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
  /** Why the subject cannot be predicted, where its dataset tells already. */
  readonly problem?: DataError
}

/** What the words after `-i` stand for. */
export interface PredictionInputs {
  readonly inputs: readonly PredictionInput[]
  /** Sentences about what was ambiguous in a dataset. */
  readonly warnings: readonly string[]
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
): Promise<PredictionInputs> {
  const inputs: PredictionInput[] = []
  const warnings: string[] = []
  let files = 0
  for (const word of words) {
    if (isDatasetOrFolder(word)) {
      const found = await readFolderOrTable(word, modalities)
      inputs.push(...found.inputs)
      warnings.push(...found.warnings)
    } else {
      inputs.push(fromFiles(word.split(','), masks[files++], modalities))
    }
  }
  if (masks.length > 0 && masks.length !== files) {
    throw new ConfigError(`--mask names ${masks.length} files for ${files} image files.`, {
      fix: 'give one mask per item of -i, in the same order',
    })
  }
  return { inputs: separate(inputs), warnings }
}

function isDatasetOrFolder(word: string): boolean {
  return /\.tsv$/i.test(word) || (existsSync(word) && statSync(word).isDirectory())
}

async function readFolderOrTable(word: string, modalities: readonly string[]): Promise<PredictionInputs> {
  const loose = /\.tsv$/i.test(word) ? [] : looseImages(word)
  try {
    // A prediction asks for no site: the model may be used where nobody says which scanner it was.
    const {
      subjects,
      modalities: present,
      warnings,
    } = await openDataset(word, {
      site: 'n/a',
      labels: 'unread',
    })
    const absent = modalities.find((modality) => !present.includes(modality))
    if (absent !== undefined) {
      throw new DataError(`the model takes ${modalities.join(' and ')}, but there is no ${absent} here.`, {
        file: word,
        fix: `add the images; the dataset has ${present.join(', ')}`,
      })
    }
    return { inputs: subjects.map((subject) => fromSubject(subject, modalities)), warnings }
  } catch (error) {
    // A folder of loose images is no dataset, and says nothing about modalities.
    if (!(error instanceof DataError) || loose.length === 0) throw error
    const subjects = modalities.length === 1 ? loose.map((name) => [name]) : channels(loose, modalities)
    if (subjects === undefined) {
      throw new ConfigError(
        `the model takes ${countImages(modalities)}, and a folder of loose images does not say which belong together.`,
        {
          file: word,
          fix: 'name them CASE_0000, CASE_0001 as nnU-Net does, join the images of a subject with commas, or list them in a dataset.tsv',
        },
      )
    }
    const inputs = subjects.map((names) =>
      fromFiles(
        names.map((name) => path.join(word, name)),
        undefined,
        modalities,
      ),
    )
    return { inputs, warnings: [] }
  }
}

/** Puts together the images that nnU-Net names `CASE_0000`, `CASE_0001` and so on; undefined for other names. */
function channels(names: readonly string[], modalities: readonly string[]): string[][] | undefined {
  const cases = new Map<string, string[]>()
  for (const name of names) {
    const match = /^(.+)_(\d{4})$/.exec(splitImageName(name).stem)
    if (match === null || Number(match[2]) >= modalities.length) return undefined
    const files = cases.get(match[1]!) ?? []
    files[Number(match[2])] = name
    cases.set(match[1]!, files)
  }
  const subjects = [...cases.values()]
  const complete = (files: string[]) => modalities.every((_, channel) => files[channel] !== undefined)
  return subjects.every(complete) ? subjects : undefined
}

function countImages(modalities: readonly string[]): string {
  const images = modalities.length === 1 ? '1 image' : `${modalities.length} images`
  return `${images} per subject (${modalities.join(', ')})`
}

function looseImages(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => splitImageName(name).ending !== '' && !/\.img(\.gz)?$/i.test(name))
    .sort()
}

function fromSubject(subject: Subject, modalities: readonly string[]): PredictionInput {
  const present = modalities.filter((modality) => subject.images[modality] !== undefined)
  const images = present.map((modality) => subject.images[modality]!)
  const { id, site, split = 'n/a', mask } = subject
  const absent = modalities.find((modality) => !present.includes(modality))
  const problem =
    absent === undefined
      ? undefined
      : new DataError(`${id} has no ${absent} image.`, { fix: 'add the image' })
  return {
    id,
    site,
    split,
    images,
    ...(mask === undefined ? {} : { mask }),
    // Without any image there is nothing to call the outputs after, and nothing to write.
    names: outputNames(images.length === 0 ? [id] : images, present),
    ...(problem === undefined ? {} : { problem }),
  }
}

function fromFiles(
  images: readonly string[],
  mask: string | undefined,
  modalities: readonly string[],
): PredictionInput {
  if (images.length !== modalities.length) {
    throw new ConfigError(
      `the model takes ${countImages(modalities)}, but -i ${images.join(',')} names ${images.length}.`,
      {
        fix:
          modalities.length === 1
            ? 'separate the images of different subjects by spaces'
            : `join the images of a subject with commas: ${modalities.map((name) => `${name}.nii.gz`).join(',')}`,
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
