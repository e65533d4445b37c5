import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { OutputError } from '@voxnorm/data'
import {
  DESCRIPTION,
  type FolderDescription,
  isMadeByPredict,
  parseDescription,
} from '../prediction/folder-description.ts'
import { LOCK_NAME } from '../storage.ts'

/** The dataset_description.json of a folder; undefined where there is none that can be read. */
export function readDescription(folder: string): FolderDescription | undefined {
  const file = path.join(folder, DESCRIPTION)
  return existsSync(file) ? parseDescription(readFileSync(file, 'utf8')) : undefined
}

/** Whether `predict` made a folder. */
export function isPredictionFolder(folder: string): boolean {
  return isMadeByPredict(readDescription(folder))
}

/** Whether a folder is the root of a BIDS dataset of scans, as its description says. */
export function isRawDataset(folder: string): boolean {
  const description = readDescription(folder)
  if (description === undefined) return false
  return (description.DatasetType ?? (description.GeneratedBy === undefined ? 'raw' : 'derivative')) === 'raw'
}

/** What lies in a folder and is not left by a kill or made by the system's file browser. */
export function contentsOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !/^\..+\.tmp$/.test(name) && name !== LOCK_NAME && name !== '.DS_Store')
    .sort()
}

/**
 * Throws OutputError unless a folder is new or empty, or `isOwn` knows it as one that the command may go on to fill. A
 * folder that is one of `inputs` is refused in any case. The fix names a place that would do.
 */
export function assertFreeForOutput(
  folder: string,
  { inputs, isOwn }: { readonly inputs: readonly string[]; readonly isOwn: (folder: string) => boolean },
): void {
  if (!existsSync(folder)) return
  if (!statSync(folder).isDirectory()) {
    throw new OutputError('a file with the name of the output folder exists.', {
      file: folder,
      fix: 'choose another name',
    })
  }
  const refuse = (sentence: string): never => {
    throw new OutputError(sentence, { file: folder, fix: `write into ${placeFor(folder)}` })
  }
  const real = realpathSync(folder)
  if (inputs.some((input) => existsSync(input) && realpathSync(input) === real)) {
    refuse('this is the folder of the input, and outputs among inputs would be taken for them.')
  }
  const contents = contentsOf(folder)
  if (contents.length === 0 || isOwn(folder)) return
  if (isRawDataset(folder)) refuse('this is a BIDS dataset of scans; outputs do not belong beside them.')
  refuse(`this folder holds files that are not from this command (${contents.slice(0, 3).join(', ')}).`)
}

/** Where outputs meant for a folder that is taken may go: the derivatives of its BIDS dataset, else a folder in it. */
function placeFor(folder: string): string {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (isRawDataset(at)) {
      const place = path.join(at, 'derivatives', 'voxnorm')
      return place === path.resolve(folder) ? 'a new folder' : shown(folder, place)
    }
    if (at === path.dirname(at)) break
  }
  const place = path.join(folder, 'voxnorm')
  return existsSync(place) ? 'a new folder' : `a new folder, for example ${place}`
}

/** An absolute place in the words of whoever named `folder`. */
function shown(folder: string, place: string): string {
  return path.isAbsolute(folder) ? place : path.relative('.', place)
}
