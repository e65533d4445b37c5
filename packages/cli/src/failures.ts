import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { formatTable, InputOutputError, parseTable } from '@voxnorm/data'
import { writeFileAtomically } from '@voxnorm/data/node'
import { EXIT, errorBlock, exitCodeOf } from './exit-codes.ts'
import type { Log } from './progress.ts'

/** An input that could not be used while others could. */
export interface Failure {
  readonly participant_id: string
  /** What the command would have ended with for this input alone. */
  readonly code: number
  readonly message: string
}

/** What became of a list of inputs. */
export interface Outcome<R> {
  readonly results: readonly R[]
  readonly failures: readonly Failure[]
}

/**
 * Does something with every input, one after the other, and goes on after an input that fails.
 *
 * Throws the error of the first input when not a single one succeeds (and of an only input without telling it twice),
 * and at once what would end every other input, too: a signal, a lost device, a full disk, an output that cannot be
 * created. A fault of the program with one input (code 1) does not keep the others from being done.
 */
export async function forEachInput<T, R>(
  inputs: readonly T[],
  nameOf: (input: T) => string,
  action: (input: T) => Promise<R>,
  log: Log,
): Promise<Outcome<R>> {
  const results: R[] = []
  const failures: Failure[] = []
  let first: unknown
  for (const input of inputs) {
    try {
      results.push(await action(input))
    } catch (error) {
      const code = exitCodeOf(error)
      if (inputs.length === 1 || endsBatch(error)) throw error
      first ??= error
      const message = errorBlock(error)
        .trim()
        .replace(/^error: /, '')
        .replaceAll(/\s*\n\s*/g, ' ')
      failures.push({ participant_id: nameOf(input), code, message })
      log.warning('failed', `${nameOf(input)}: ${message}`, { code })
    }
  }
  if (results.length === 0 && first !== undefined) throw first
  return { results, failures }
}

function endsBatch(error: unknown): boolean {
  const ending: readonly number[] = [EXIT.cannotCreate, EXIT.inputOutput, EXIT.stoppedEarly, EXIT.interrupted]
  if (error instanceof InputOutputError && error.cause instanceof Error && 'syscall' in error.cause) {
    // A file that cannot be read to its end is bad for its subject alone.
    return error.cause.syscall !== 'read'
  }
  if (error instanceof Error && error.name === 'DeviceError') {
    return (error as { kind?: unknown }).kind !== 'out-of-memory'
  }
  return ending.includes(exitCodeOf(error))
}

/** Columns of failures.tsv. */
export const FAILURE_COLUMNS = ['participant_id', 'code', 'message'] as const

/**
 * Brings failures.tsv of a folder up to date: what earlier commands said of inputs other than `treated` stays, and
 * without any failure there is no such file.
 */
export function writeFailures(
  folder: string,
  failures: readonly Failure[],
  treated: readonly string[],
): void {
  const file = path.join(folder, 'failures.tsv')
  const known = new Set(treated)
  const earlier = readFailures(file).filter(({ participant_id }) => !known.has(participant_id))
  const rows = [...earlier, ...failures].map((failure) => ({
    ...failure,
    message: failure.message.replaceAll('\t', ' '),
  }))
  if (rows.length === 0) rmSync(file, { force: true })
  else writeFileAtomically(file, formatTable(FAILURE_COLUMNS, rows))
}

/** The rows of failures.tsv; none where there is no such table. */
function readFailures(file: string): Failure[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (!text.startsWith(`${FAILURE_COLUMNS.join('\t')}\n`)) return []
  const { rows } = parseTable(text, file)
  return rows.map(({ cells: { participant_id = 'n/a', code, message = 'n/a' } }) => ({
    participant_id,
    code: Number(code),
    message,
  }))
}
