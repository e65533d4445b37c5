import { InputOutputError, VoxnormError } from '@voxnorm/data/errors'
import type { Judge } from '@voxnorm/pipeline'

/** What a command ends with; numbers follow sysexits and the shell, and scripts rely on them. */
export const EXIT = {
  done: 0,
  someFailed: 1,
  usage: 64,
  badData: 65,
  missingInput: 66,
  noAdapter: 69,
  outOfMemory: 71,
  cannotCreate: 73,
  inputOutput: 74,
  stoppedEarly: 75,
  interrupted: 130,
} as const

/** One of the numbers in {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const KNOWN_CODES: ReadonlySet<number> = new Set(Object.values(EXIT))

const MORE_MEMORY = 'close other programs, or use smaller images, a smaller batch or a smaller --window'

// Errors of the file system that reach the top were not foreseen by a command; their code still says what they are.
const SYSTEM_CODES: Readonly<Record<string, { readonly exit: ExitCode; readonly fix: string }>> = {
  ENOENT: { exit: EXIT.missingInput, fix: 'check the path' },
  EACCES: { exit: EXIT.cannotCreate, fix: 'choose a place you may write to' },
  EPERM: { exit: EXIT.cannotCreate, fix: 'choose a place you may write to' },
  EROFS: { exit: EXIT.cannotCreate, fix: 'choose a place on a file system that can be written to' },
  ENOTDIR: { exit: EXIT.cannotCreate, fix: 'a part of the path is a file; choose another folder' },
  EISDIR: { exit: EXIT.cannotCreate, fix: 'the path is a folder; give a file name' },
  EEXIST: { exit: EXIT.cannotCreate, fix: 'choose a new name or remove what is there' },
  ENOSPC: { exit: EXIT.inputOutput, fix: 'free some disk space and run again' },
  EDQUOT: { exit: EXIT.inputOutput, fix: 'free some of your quota and run again' },
  ENOMEM: { exit: EXIT.outOfMemory, fix: MORE_MEMORY },
  EIO: { exit: EXIT.inputOutput, fix: 'check the disk' },
}

const DEVICE_CODES: Readonly<Record<string, ExitCode>> = {
  unavailable: EXIT.noAdapter,
  lost: EXIT.stoppedEarly,
  'out-of-memory': EXIT.outOfMemory,
  validation: EXIT.someFailed,
}

/** Whether the machine refused to give memory for an array, which V8 and Node say in three ways. */
function isOutOfMemory(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  if ((error as { code?: unknown }).code === 'ERR_MEMORY_ALLOCATION_FAILED') return true
  // A negative length is a fault of the program; one that is no array's, such as 2^40, is more than any machine gives.
  return (
    error instanceof RangeError && /allocation failed|Invalid typed array length: \d+$/.test(error.message)
  )
}

interface SystemError extends Error {
  readonly code: string
  readonly path?: string
}

function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error && typeof (error as { code?: unknown }).code === 'string' && 'syscall' in error
  )
}

/**
 * The exit code an error stands for.
 *
 * Errors of the project carry theirs; a missing WebGPU adapter is 69; a device or a machine without memory is 71;
 * file-system errors go by their code; anything else, a command that the device refused included, is a fault of the
 * program (1).
 */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof VoxnormError && KNOWN_CODES.has(error.exitCode)) return error.exitCode as ExitCode
  if (error instanceof Error && error.name === 'DeviceError') {
    return DEVICE_CODES[String((error as { kind?: unknown }).kind)] ?? EXIT.someFailed
  }
  if (isOutOfMemory(error)) return EXIT.outOfMemory
  if (isSystemError(error)) return SYSTEM_CODES[error.code]?.exit ?? EXIT.inputOutput
  return EXIT.someFailed
}

/**
 * The block of text shown for an error: what, where, what to do, ending in a newline.
 *
 * With `debug` the stack, and those of the causes, follow.
 */
export function errorBlock(error: unknown, debug = false): string {
  const lines = [sentenceOf(error)]
  if (debug) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) if (at.stack) lines.push(at.stack)
  }
  return `${lines.join('\n')}\n`
}

function sentenceOf(error: unknown): string {
  if (error instanceof VoxnormError) return `error: ${error.message}`
  if (isOutOfMemory(error)) {
    const held = Math.round(process.memoryUsage().rss / 2 ** 20)
    const problem = `the machine has no memory left (${error.message}); this process holds ${held} MiB`
    return `error: ${problem}.\n  fix: ${MORE_MEMORY}`
  }
  if (isSystemError(error)) {
    const known = SYSTEM_CODES[error.code]
    const where = error.path === undefined ? '' : `${error.path}: `
    return `error: ${where}${reason(error)}${known === undefined ? '' : `\n  fix: ${known.fix}`}`
  }
  if (error instanceof Error && /^(Shape|Kernel|Device|Plan)Error$/.test(error.name)) {
    return `error: ${error.message}`
  }
  const message = error instanceof Error ? error.message : String(error)
  return `error: ${message}\n  This is a fault in voxnorm. fix: run again with --debug and report what it prints`
}

/** The plain words inside Node's message "EACCES: permission denied, open 'x'". */
function reason(error: SystemError): string {
  const words = /^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message
  return `${words} (${error.code}).`
}

/** What an error means for a list of inputs; a fault of the program with one input does not keep the others from being done. */
export const judge: Judge = (error) => {
  const message = errorBlock(error)
    .trim()
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
  return { code: exitCodeOf(error), message, endsAll: endsBatch(error) }
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
