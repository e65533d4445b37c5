import { formatTable, parseTable } from '@voxnorm/data'
import type { Log } from './log.ts'
import { readText, type Sink } from './storage.ts'

/** An input that could not be used while others could. */
export interface Failure {
  readonly participant_id: string
  /** What the command would have ended with for this input alone. */
  readonly code: number
  readonly message: string
}

/** What an error means for a list of inputs. */
export interface Verdict {
  /** What the command would end with for this input alone. */
  readonly code: number
  /** One line for people. */
  readonly message: string
  /** Whether it would end every other input, too: a signal, a lost device, a full disk. */
  readonly endsAll: boolean
}

/** How a caller words errors. */
export type Judge = (error: unknown) => Verdict

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
  { log, judge }: { readonly log: Log; readonly judge: Judge },
): Promise<Outcome<R>> {
  const results: R[] = []
  const failures: Failure[] = []
  let first: unknown
  for (const input of inputs) {
    try {
      results.push(await action(input))
    } catch (error) {
      const { code, message, endsAll } = judge(error)
      if (inputs.length === 1 || endsAll) throw error
      first ??= error
      failures.push({ participant_id: nameOf(input), code, message })
      log.warning('failed', `${nameOf(input)}: ${message}`, { code })
    }
  }
  if (results.length === 0 && first !== undefined) throw first
  return { results, failures }
}

const FAILURES = 'failures.tsv'

/** Columns of failures.tsv. */
export const FAILURE_COLUMNS = ['participant_id', 'code', 'message'] as const

/**
 * Brings failures.tsv of a folder up to date: what earlier commands said of inputs other than `treated` stays, and
 * without any failure there is no such file.
 */
export async function writeFailures(
  sink: Sink,
  failures: readonly Failure[],
  treated: readonly string[],
): Promise<void> {
  const known = new Set(treated)
  const earlier = (await readFailures(sink)).filter(({ participant_id }) => !known.has(participant_id))
  const rows = [...earlier, ...failures].map((failure) => ({
    ...failure,
    message: failure.message.replaceAll('\t', ' '),
  }))
  if (rows.length === 0) await sink.remove(FAILURES)
  else await sink.write(FAILURES, formatTable(FAILURE_COLUMNS, rows))
}

/** The rows of failures.tsv; none where there is no such table. */
export async function readFailures(sink: Pick<Sink, 'read' | 'name'>): Promise<Failure[]> {
  const text = (await readText(sink, FAILURES)) ?? ''
  if (!text.startsWith(`${FAILURE_COLUMNS.join('\t')}\n`)) return []
  const { rows } = parseTable(text, `${sink.name}/${FAILURES}`)
  return rows.map(({ cells: { participant_id = 'n/a', code, message = 'n/a' } }) => ({
    participant_id,
    code: Number(code),
    message,
  }))
}
