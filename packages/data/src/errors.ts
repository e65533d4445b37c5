/** Where a mistake was found and what to do about it; both end up in the message. */
export interface ErrorDetails {
  /** The file (as the user named it) that the error is about. */
  readonly file?: string
  /** One short sentence: what the user can do. */
  readonly fix?: string
  /** What the fix is about, for programs that have words of their own for it: a flag, a button. */
  readonly remedy?: Remedy
  /** The error that led to this one. */
  readonly cause?: unknown
}

/** What kind of error it is; see the classes below. `stopped` and `interrupted` are for programs that can be. */
export type ErrorKind =
  | 'config'
  | 'data'
  | 'missing-input'
  | 'output'
  | 'input-output'
  | 'stopped'
  | 'interrupted'

/** Mistakes whose remedy every program words in its own way. */
export type Remedy =
  | 'brain-mask'
  | 'ignored-labels'
  | 'label-convention'
  | 'label-description'
  | 'label-table'
  | 'model'
  | 'patches'

/**
 * Common base of the errors a user can cause and cure.
 *
 * `message` is the whole text to show (file, sentence, fix); `sentence` is what is wrong, with the file.
 */
export class VoxnormError extends Error {
  readonly kind: ErrorKind
  readonly file: string | undefined
  readonly sentence: string
  readonly fix: string | undefined
  readonly remedy: Remedy | undefined

  constructor(kind: ErrorKind, sentence: string, details: ErrorDetails = {}) {
    const where = details.file === undefined ? '' : `${details.file}: `
    const fix = details.fix === undefined ? '' : `\n  fix: ${details.fix}`
    super(`${where}${sentence}${fix}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'VoxnormError'
    this.kind = kind
    this.file = details.file
    this.sentence = `${where}${sentence}`
    this.fix = details.fix
    this.remedy = details.remedy
  }
}

/** Options or a configuration ask for something impossible. */
export class ConfigError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super('config', sentence, details)
    this.name = 'ConfigError'
  }
}

/** A file or a data set has contents that cannot be used. */
export class DataError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super('data', sentence, details)
    this.name = 'DataError'
  }
}

/** A named input does not exist or cannot be opened. */
export class MissingInputError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super('missing-input', sentence, details)
    this.name = 'MissingInputError'
  }
}

/** An output cannot be created, or would overwrite something. */
export class OutputError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super('output', sentence, details)
    this.name = 'OutputError'
  }
}

/** Reading or writing failed half-way, for example because the disk is full. */
export class InputOutputError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super('input-output', sentence, details)
    this.name = 'InputOutputError'
  }
}
