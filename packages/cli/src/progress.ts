import type { Log, Progress } from '@voxnorm/pipeline'
import { duration } from '@voxnorm/pipeline/words'
import type { Heartbeat } from './heartbeat.ts'

/** How serious a log line is. */
type Level = 'info' | 'warning' | 'error'

/** What a log writes to and how. */
export interface LogOptions {
  readonly write: (text: string) => void
  /** Whether the stream is a terminal: then progress is one line that is rewritten in place. */
  readonly terminal: boolean
  readonly format: 'text' | 'json'
  readonly quiet: boolean
  /** Current time in milliseconds since 1970. */
  readonly now: () => number
  /** Hears what is said about progress, to repeat it where nothing follows; without one, silence stays silence. */
  readonly heartbeat?: Heartbeat
}

// A terminal is refreshed at most ten times a second, a file gets a line every ten seconds.
const TERMINAL_PERIOD_MS = 100
const PLAIN_PERIOD_MS = 10_000

/** Opens the log of a command. */
export function openLog(options: LogOptions): Log {
  const { write, terminal, format, quiet, now, heartbeat } = options
  const inPlace = terminal && format === 'text'
  let started: { readonly time: number; readonly done: number } | undefined
  let lastShown = Number.NEGATIVE_INFINITY
  let lineIsOpen = false
  let copy: ((line: string) => void) | undefined

  const clearLine = () => {
    if (lineIsOpen) write('\r\u001b[2K')
    lineIsOpen = false
  }
  const say = (level: Level, event: string, message: string, fields: Readonly<Record<string, unknown>>) => {
    copy?.(`${textLine(now(), level, message)}\n`)
    if (quiet && level === 'info') return
    clearLine()
    heartbeat?.said(message)
    write(
      `${format === 'json' ? jsonLine(now(), level, event, message, fields) : textLine(now(), level, message)}\n`,
    )
  }

  return {
    info: (event, message, fields = {}) => say('info', event, message, fields),
    warning: (event, message, fields = {}) => say('warning', event, message, fields),
    error: (event, message, fields = {}) => say('error', event, message, fields),
    progress(progress) {
      const time = now()
      if (started === undefined) {
        started = { time, done: progress.done }
        lastShown = inPlace ? Number.NEGATIVE_INFINITY : time
        if (!quiet) heartbeat?.at(`${progress.what} ${progress.done}/${progress.total} ${progress.unit}`)
      }
      const finished = progress.done >= progress.total
      if (time - lastShown < (inPlace ? TERMINAL_PERIOD_MS : PLAIN_PERIOD_MS) && !(inPlace && finished))
        return
      lastShown = time
      const line = progressLine(progress, progress.done - started.done, (time - started.time) / 1000)
      if (!inPlace) say('info', 'progress', line, { ...progress })
      else if (!quiet) {
        write(`\r\u001b[2K${line}`)
        lineIsOpen = true
      }
    },
    endProgress() {
      clearLine()
      started = undefined
      lastShown = Number.NEGATIVE_INFINITY
    },
    copyTo(next) {
      copy = next
    },
  }
}

/**
 * One line of progress: done/total, rate and remaining time.
 *
 * `doneSinceStart` and `seconds` give the rate; work done before (a resumed run) does not count for it.
 */
export function progressLine(progress: Progress, doneSinceStart: number, seconds: number): string {
  const { what, done, total, unit, detail, secondsLeft = Number.POSITIVE_INFINITY } = progress
  const parts = [`${what} ${done}/${total} ${unit}`]
  if (doneSinceStart > 0 && seconds > 0) {
    const rate = doneSinceStart / seconds
    parts.push(rate >= 1 ? `${significant(rate)}/s` : `${significant(1 / rate)} s each`)
    if (done < total) parts.push(`ETA ${duration(Math.min((total - done) / rate, secondsLeft))}`)
  }
  if (detail !== undefined) parts.push(detail)
  return parts.join('  ')
}

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2)
}

function textLine(time: number, level: Level, message: string): string {
  return `${localTime(time)} ${level.toUpperCase().padEnd(7)} ${message}`
}

function jsonLine(
  time: number,
  level: Level,
  event: string,
  message: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify({ ts: new Date(time).toISOString(), level, event, message, ...fields })
}

/** `2026-11-22 14:05:31.204` in the machine's time zone. */
function localTime(time: number): string {
  const shifted = new Date(time - new Date(time).getTimezoneOffset() * 60_000)
  return shifted.toISOString().replace('T', ' ').replace('Z', '')
}
