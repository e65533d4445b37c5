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

/** A length of time in the two largest units that matter: `45 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (value: number) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}
