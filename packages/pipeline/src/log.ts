/** How far a piece of work is. */
export interface Progress {
  /** What is being done, for example `train` or `predict`. */
  readonly what: string
  readonly done: number
  readonly total: number
  /** What is counted, for example `volumes`. */
  readonly unit: string
  /** Short extra words such as `loss.seg 0.31`. */
  readonly detail?: string
  /** Seconds after which the work ends wherever it is then. */
  readonly secondsLeft?: number
}

/** Where a job says what it is doing. */
export interface Log {
  info(event: string, message: string, fields?: Readonly<Record<string, unknown>>): void
  warning(event: string, message: string, fields?: Readonly<Record<string, unknown>>): void
  error(event: string, message: string, fields?: Readonly<Record<string, unknown>>): void
  /** Reports progress as often as the caller likes; the log decides what to show. */
  progress(progress: Progress): void
  /** Removes the progress line; the next {@link Log.progress} starts a new measurement of the rate. */
  endProgress(): void
  /** Sends a copy of every later line to `write`, for example into a run folder's log.txt. */
  copyTo(write: ((line: string) => void) | undefined): void
}
