import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import {
  ConfigError,
  DataError,
  MissingInputError,
  missingFile,
  pairRole,
  type Subject,
  splitImageName,
  type VoxnormError,
} from '@voxnorm/data'
import { type ListingProgress, openDataset } from '@voxnorm/data/node'
import type { PredictionInput } from '../prediction/input.ts'
import { outputNames } from '../prediction/output-names.ts'
import { openSurroundings, type Surroundings } from './surroundings.ts'

/** What the words after `-i` stand for. */
export interface PredictionInputs {
  readonly inputs: readonly PredictionInput[]
  /** Sentences about what was ambiguous in a dataset. */
  readonly warnings: readonly string[]
}

/**
 * Turns the words after `-i` into volumes: image files (several modalities joined by commas), folders of images, and
 * datasets as a table or a folder. `masks` go with image files one by one; files without one have the mask and the site of
 * the dataset that they lie in, see {@link openSurroundings}.
 *
 * What does not exist becomes the `problem` of its volume. Throws MissingInputError when it is the only one, and
 * ConfigError when masks do not fit or two volumes would be written to the same names.
 */
export async function readInputs(
  words: readonly string[],
  masks: readonly string[],
  modalities: readonly string[],
  listener?: (word: string) => ListingProgress,
  messageOf: (error: Error) => string = ({ message }) => message,
): Promise<PredictionInputs> {
  const inputs: PredictionInput[] = []
  const warnings: string[] = []
  const lookAround = openSurroundings(messageOf)
  let files = 0
  for (const word of words) {
    if (isDatasetOrFolder(word)) {
      const found = await readFolderOrTable(word, modalities, listener?.(word)).catch((error: unknown) => {
        const usage = !(error instanceof DataError || error instanceof MissingInputError)
        if (usage || words.length === 1) throw error
        return { inputs: [unusableInput(word, error)], warnings: [] }
      })
      inputs.push(...found.inputs)
      warnings.push(...found.warnings)
      if (isTable(word)) warnings.push(...(await masksLeftOut(found.inputs, lookAround)))
    } else {
      const input = fromFiles(word.split(','), masks[files++], modalities)
      const { site, mask, warning } = await lookAround(input.images)
      inputs.push({
        ...input,
        ...(site && { site }),
        ...(mask && { mask }),
        ...(input.mask && { mask: input.mask }),
      })
      if (warning !== undefined && input.mask === undefined) warnings.push(warning)
    }
  }
  if (masks.length > 0 && masks.length !== files) {
    throw new ConfigError(`--mask names ${masks.length} files for ${files} image files.`, {
      fix: 'give one mask per item of -i, in the same order',
    })
  }
  const [first] = inputs
  if (inputs.length === 1 && first?.problem !== undefined) throw first.problem
  return { inputs: separate(inputs), warnings }
}

/** What a table does not name, although the folders around its images do. */
async function masksLeftOut(
  inputs: readonly PredictionInput[],
  lookAround: (images: readonly string[]) => Promise<Surroundings>,
): Promise<string[]> {
  const warnings: string[] = []
  for (const { images, mask } of inputs) {
    if (mask !== undefined || images.length === 0) continue
    const found = (await lookAround(images)).mask
    if (found === undefined) continue
    warnings.push(
      `${images[0]}: the table names no mask, and ${found} is not used; add it in a column mask, if it is meant.`,
    )
  }
  return warnings
}

function isTable(word: string): boolean {
  return /\.tsv$/i.test(word)
}

/** Stands for a dataset among several inputs that cannot be opened. */
function unusableInput(word: string, problem: VoxnormError): PredictionInput {
  const id = path.basename(word)
  return { id, site: 'n/a', split: 'n/a', images: [], names: outputNames([word], [id]), problem }
}

function isDatasetOrFolder(word: string): boolean {
  return isTable(word) || (existsSync(word) && statSync(word).isDirectory())
}

async function readFolderOrTable(
  word: string,
  modalities: readonly string[],
  onProgress: ListingProgress | undefined,
): Promise<PredictionInputs> {
  const loose = /\.tsv$/i.test(word) ? [] : looseImages(word)
  try {
    // A prediction asks for no site: the model may be used where nobody says which scanner it was.
    const {
      subjects,
      modalities: present,
      warnings,
    } = await openDataset(word, {
      site: 'n/a',
      everyRunOf: modalities,
      ...(onProgress && { onProgress }),
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
    .filter(
      (name) => !name.startsWith('.') && splitImageName(name).ending !== '' && pairRole(name) !== 'voxels',
    )
    .sort()
}

function fromSubject(subject: Subject, modalities: readonly string[]): PredictionInput {
  const present = modalities.filter((modality) => subject.images[modality] !== undefined)
  const images = present.map((modality) => subject.images[modality]!)
  const { id, site, split = 'n/a', mask } = subject
  const absent = modalities.find((modality) => !present.includes(modality))
  const problem =
    subject.problem ??
    (absent === undefined
      ? missingFile(subject, [...images, mask])
      : new DataError(`${id} has no ${absent} image.`, { fix: 'add the image' }))
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
  const absent = [...images, ...(mask === undefined ? [] : [mask])].find((file) => !existsSync(file))
  const problem =
    absent === undefined
      ? undefined
      : new MissingInputError('this input does not exist.', { file: absent, fix: 'check the path' })
  const names = outputNames(images, modalities)
  return {
    id: names.base,
    site: 'n/a',
    split: 'n/a',
    images,
    ...(mask === undefined ? {} : { mask }),
    names,
    ...(problem === undefined ? {} : { problem }),
  }
}

/** Subjects of a dataset whose files have equal names go into folders named by the subject. */
function separate(inputs: readonly PredictionInput[]): PredictionInput[] {
  const keyOf = ({ names }: PredictionInput) => `${names.folder}/${names.base}`
  const count = new Map<string, number>()
  for (const input of inputs) count.set(keyOf(input), (count.get(keyOf(input)) ?? 0) + 1)
  const separated = inputs.map((input) => {
    const own = input.site !== 'n/a' ? `${input.site}/${input.id}` : input.names.bids ? input.id : undefined
    if (count.get(keyOf(input)) === 1 || own === undefined) return input
    return { ...input, names: { ...input.names, folder: own } }
  })
  const seen = new Map<string, PredictionInput>()
  for (const input of separated) {
    if (input.problem !== undefined) continue
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
