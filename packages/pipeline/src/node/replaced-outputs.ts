import { existsSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { type LabelConvention, OutputError } from '@voxnorm/data'
import { countOthers, filesOf, imagesOf, readRecord } from '../prediction/finished.ts'
import type { PredictionInput } from '../prediction/input.ts'
import { labelTable } from '../prediction/write-outputs.ts'
import { openDiskSink } from './disk.ts'

/**
 * Throws OutputError when outputs would replace an input, outputs that are finished, or files of which no record says
 * how they were made. `allowed` says what of this was asked for: nothing replaces an input.
 */
export async function assertNothingReplaced(
  out: string,
  inputs: readonly PredictionInput[],
  allowed: { readonly continued: boolean; readonly overwritten: boolean },
): Promise<void> {
  const sink = openDiskSink(out)
  const sources = new Set(inputs.flatMap(filesOf).map(realPlace))
  const finished: string[] = []
  for (const input of inputs) {
    const images = imagesOf(input.names)
    const source = images.find((name) => sources.has(realPlace(path.join(out, name))))
    if (source !== undefined) {
      throw new OutputError('this is an input, and an output of the same name would replace it.', {
        file: path.join(out, source),
        fix: 'choose another folder for the outputs',
      })
    }
    const record = await readRecord(sink, input)
    if (record?.finished) finished.push(input.id)
    if (record !== undefined || allowed.overwritten) continue
    const unknown = images.find((name) => existsSync(path.join(out, name)))
    if (unknown !== undefined) {
      throw new OutputError('this file is in the way, and nothing says that voxnorm made it.', {
        file: path.join(out, unknown),
        fix: 'move it away, choose another folder, or add --overwrite to replace it',
      })
    }
  }
  if (finished.length === 0 || allowed.continued || allowed.overwritten) return
  const which =
    finished.length === 1
      ? finished[0]
      : `${finished.length} of the ${inputs.length} volumes (${finished.slice(0, 3).join(', ')}${finished.length > 3 ? ', …' : ''})`
  throw new OutputError(`${which} ${finished.length === 1 ? 'is' : 'are'} finished here already.`, {
    file: out,
    fix: 'add --continue to keep what is finished, --overwrite to replace it, or choose another folder',
  })
}

/**
 * Throws OutputError when a prediction folder has subjects besides `inputs` and its dseg.tsv gives their labels other
 * numbers than `convention`: one table cannot be true of both.
 */
export async function assertLabelsStay(
  out: string,
  inputs: readonly PredictionInput[],
  convention: LabelConvention,
): Promise<void> {
  const file = path.join(out, 'dseg.tsv')
  if (!existsSync(file) || readFileSync(file, 'utf8') === labelTable(convention)) return
  const others = await countOthers(openDiskSink(out), inputs)
  if (others === 0) return
  throw new OutputError(
    `the label maps of ${others} other ${others === 1 ? 'subject' : 'subjects'} here have the numbers of this table, which are not those of ${convention.name}.`,
    { file, fix: 'give the --label-convention of this folder, or choose another folder' },
  )
}

/** Where a name lies that may be reached through a linked folder; a linked file is replaced, not what it links to. */
function realPlace(file: string): string {
  const folder = path.dirname(path.resolve(file))
  return path.join(existsSync(folder) ? realpathSync(folder) : folder, path.basename(file))
}
