import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { OutputError } from '@voxnorm/data'
import { RUN_FOLDERS } from '../training/run-folder.ts'
import { contentsOf } from './output-folder.ts'

/**
 * Throws OutputError (73) unless a run may go into a folder: a new or empty one, or with `resume` one that holds a run.
 * Nothing is written. A run that was killed before it wrote anything is resumed by starting it.
 */
export function assertFreeForRun(folder: string, options: { readonly resume: boolean }): void {
  const holdsRun = existsSync(path.join(folder, 'config.resolved.yaml'))
  if (!(options.resume && holdsRun)) refuseOccupied(folder, holdsRun)
}

function refuseOccupied(folder: string, holdsRun: boolean): void {
  if (!existsSync(folder)) return
  if (!statSync(folder).isDirectory()) {
    throw new OutputError('a file with the name of the run folder exists.', {
      file: folder,
      fix: 'choose another name',
    })
  }
  if (holdsRun) {
    throw new OutputError('this folder already holds a run.', {
      file: folder,
      fix: 'add --resume to continue it, or choose another folder',
    })
  }
  // A run that was killed before its first file leaves empty folders and temporary files only.
  const foreign = contentsOf(folder).filter((name) => !isOwnLeftover(folder, name))
  if (foreign.length > 0) {
    throw new OutputError(`this folder is not empty (${foreign.slice(0, 3).join(', ')}).`, {
      file: folder,
      fix: `choose a new folder for the run, for example ${path.join(folder, 'run')}`,
    })
  }
}

function isOwnLeftover(folder: string, name: string): boolean {
  if (name === 'metrics.jsonl' || name === 'log.txt') return true
  const at = path.join(folder, name)
  return RUN_FOLDERS.some((own) => own === name) && statSync(at).isDirectory() && readdirSync(at).length === 0
}
