import { type ErrorKind, InputOutputError, type Remedy, VoxnormError } from '@voxnorm/data/errors'
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

const EXIT_OF_KIND: Readonly<Record<ErrorKind, ExitCode>> = {
  config: EXIT.usage,
  data: EXIT.badData,
  'missing-input': EXIT.missingInput,
  output: EXIT.cannotCreate,
  'input-output': EXIT.inputOutput,
  stopped: EXIT.stoppedEarly,
  interrupted: EXIT.interrupted,
}

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

// What to do about an error of the device that has no fix of its own.
const DEVICE_CODES: Readonly<Record<string, { readonly exit: ExitCode; readonly fix: string }>> = {
  unavailable: { exit: EXIT.noAdapter, fix: 'run `voxnorm doctor` to see what was tried' },
  lost: {
    exit: EXIT.stoppedEarly,
    fix: 'run again with --resume; if it happens again, use smaller batches or another --device',
  },
  'out-of-memory': {
    exit: EXIT.outOfMemory,
    fix: 'train with a smaller batch or --set train.microBatch=1, predict with a smaller --window',
  },
  validation: {
    exit: EXIT.someFailed,
    fix: 'this is a fault in voxnorm: run again with --debug and report what it prints',
  },
}

const NAME_THE_CONVENTION =
  'data.labels in a config, --labels (reference) or --label-convention (predictions) of evaluate'

// The libraries know no flags, and no keys of a config: here is where a user of the command line turns to.
const REMEDIES: Readonly<Record<Remedy, string>> = {
  'brain-mask':
    'give a brain mask (--mask, or a column mask in the table), strip the skull, or take all voxels above zero for brain ' +
    '(--mask-from positive; data.maskFrom for a training)',
  'ignored-labels':
    'leave the participant out, or say in data.labels what these numbers are: {CSF: …, GM: …, WM: …}',
  'label-convention': `name the convention of these files: ${NAME_THE_CONVENTION}`,
  'label-description':
    'call them background, CSF, GM and WM there, or give the numbers in data.labels or --labels: {CSF: [1, 4], GM: 2, WM: 3}',
  'label-table': `name the convention: ${NAME_THE_CONVENTION}`,
  model: 'copy the model again, or give a model that voxnorm train wrote',
  patches: 'raise data.patchesPerSite or lower train.batch',
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

// By its name: a command line that opens no device does not load what has the class.
const isDeviceError = (error: unknown): error is Error & { readonly kind: string; readonly fix?: string } =>
  error instanceof Error && error.name === 'DeviceError'

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
 * Errors of the project go by their kind; a missing WebGPU adapter is 69; a device or a machine without memory is 71;
 * file-system errors go by their code; anything else, a command that the device refused included, is a fault of the
 * program (1).
 */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof VoxnormError) return EXIT_OF_KIND[error.kind]
  if (isDeviceError(error)) return DEVICE_CODES[error.kind]?.exit ?? EXIT.someFailed
  if (isOutOfMemory(error)) return EXIT.outOfMemory
  if (isSystemError(error)) return SYSTEM_CODES[error.code]?.exit ?? EXIT.inputOutput
  return EXIT.someFailed
}

/** The message of an error, with the command line's words for what to do about it. */
export function messageOf(error: Error): string {
  if (error instanceof VoxnormError && error.remedy !== undefined) {
    return `${error.sentence}\n  fix: ${REMEDIES[error.remedy]}`
  }
  const known = isDeviceError(error) && error.fix === undefined ? DEVICE_CODES[error.kind] : undefined
  return known === undefined ? error.message : `${error.message}\n  fix: ${known.fix}`
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
  if (error instanceof VoxnormError || isDeviceError(error)) return `error: ${messageOf(error)}`
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
  if (error instanceof Error && /^(Shape|Kernel|Plan)Error$/.test(error.name)) {
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
