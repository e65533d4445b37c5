/** Where a mistake was found and what to do about it; both end up in the message. */
export interface ErrorDetails {
  /** The file (as the user named it) that the error is about. */
  readonly file?: string
  /** One short sentence: what the user can do. */
  readonly fix?: string
  /** The error that led to this one. */
  readonly cause?: unknown
}

/**
 * Common base of the errors a user can cause and cure.
 *
 * `message` is the whole text to show (file, sentence, fix); `exitCode` is what a command ends with.
 */
export class VoxnormError extends Error {
  readonly file: string | undefined
  readonly fix: string | undefined
  readonly exitCode: number

  constructor(exitCode: number, sentence: string, details: ErrorDetails = {}) {
    const where = details.file === undefined ? '' : `${details.file}: `
    const remedy = details.fix === undefined ? '' : `\n  fix: ${details.fix}`
    super(`${where}${sentence}${remedy}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'VoxnormError'
    this.exitCode = exitCode
    this.file = details.file
    this.fix = details.fix
  }
}

/** The command line or a configuration file asks for something impossible (exit code 64). */
export class ConfigError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super(64, sentence, details)
    this.name = 'ConfigError'
  }
}

/** A file or a data set has contents that cannot be used (exit code 65). */
export class DataError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super(65, sentence, details)
    this.name = 'DataError'
  }
}

/** A named input does not exist or cannot be opened (exit code 66). */
export class MissingInputError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super(66, sentence, details)
    this.name = 'MissingInputError'
  }
}

/** An output cannot be created, or would overwrite something (exit code 73). */
export class OutputError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super(73, sentence, details)
    this.name = 'OutputError'
  }
}

/** Reading or writing failed half-way, for example because the disk is full (exit code 74). */
export class InputOutputError extends VoxnormError {
  constructor(sentence: string, details: ErrorDetails = {}) {
    super(74, sentence, details)
    this.name = 'InputOutputError'
  }
}
