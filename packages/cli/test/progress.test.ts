import { duration } from '@voxnorm/pipeline/words'
import { describe, expect, it } from 'vitest'
import { openLog, progressLine } from '../src/progress.ts'

function collect(options: { terminal?: boolean; format?: 'text' | 'json'; quiet?: boolean } = {}) {
  let text = ''
  let time = Date.UTC(2026, 10, 22, 14, 5, 31, 204)
  const log = openLog({
    write: (part) => {
      text += part
    },
    terminal: options.terminal ?? false,
    format: options.format ?? 'text',
    quiet: options.quiet ?? false,
    now: () => time,
  })
  return {
    log,
    text: () => text,
    wait: (milliseconds: number) => {
      time += milliseconds
    },
  }
}

describe('progressLine', () => {
  const progress = { what: 'train', done: 30, total: 120, unit: 'iterations' }

  it('shows done/total, rate and remaining time', () => {
    expect(progressLine(progress, 30, 15)).toBe('train 30/120 iterations  2.0/s  ETA 45 s')
    expect(progressLine({ ...progress, detail: 'loss.seg 0.31' }, 30, 600)).toBe(
      'train 30/120 iterations  20 s each  ETA 30 min 00 s  loss.seg 0.31',
    )
  })

  it('counts only the work of this process for the rate', () => {
    expect(progressLine(progress, 10, 10)).toBe('train 30/120 iterations  1.0/s  ETA 1 min 30 s')
    expect(progressLine(progress, 0, 10)).toBe('train 30/120 iterations')
  })

  it('expects no end behind a time limit', () => {
    const limited = { ...progress, secondsLeft: 20 }
    expect(progressLine(limited, 30, 15)).toMatch(/ETA 20 s$/)
    expect(progressLine({ ...limited, secondsLeft: 60 }, 30, 15)).toMatch(/ETA 45 s$/)
  })

  it.each([
    [0.4, '0 s'],
    [59.6, '1 min 00 s'],
    [3599, '59 min 59 s'],
    [7620, '2 h 07 min'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})

describe('openLog', () => {
  it('writes one plain line every ten seconds where there is no terminal', () => {
    const { log, text, wait } = collect()
    for (let done = 0; done <= 250; done++) {
      log.progress({ what: 'predict', done, total: 250, unit: 'windows' })
      wait(100)
    }
    const lines = text().trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:41\.204 INFO {4}predict 100\/250 windows {2}10\/s {2}ETA 15 s$/,
    )
    expect(text()).not.toContain('\u001b')
  })

  it('rewrites one line on a terminal and clears it for a message', () => {
    const { log, text } = collect({ terminal: true })
    log.progress({ what: 'predict', done: 0, total: 2, unit: 'windows' })
    log.progress({ what: 'predict', done: 1, total: 2, unit: 'windows' })
    log.warning('odd', 'odd header')
    log.endProgress()
    expect(text().split('predict 0/2 windows')).toHaveLength(2)
    expect(text()).not.toContain('predict 1/2')
    expect(text().split('\r\u001b[2K').at(-1)).toMatch(/^\d{4}-.* WARNING odd header\n$/)
  })

  it('writes JSON lines', () => {
    const { log, text } = collect({ format: 'json', terminal: true })
    log.info('start', 'training starts', { epochs: 3 })
    expect(JSON.parse(text())).toEqual({
      ts: '2026-11-22T14:05:31.204Z',
      level: 'info',
      event: 'start',
      message: 'training starts',
      epochs: 3,
    })
  })

  it('is silent with --quiet except for warnings, and still copies everything', () => {
    const { log, text, wait } = collect({ quiet: true })
    let copy = ''
    log.copyTo((line) => {
      copy += line
    })
    log.info('start', 'one')
    log.progress({ what: 'train', done: 0, total: 2, unit: 'steps' })
    wait(20_000)
    log.progress({ what: 'train', done: 1, total: 2, unit: 'steps' })
    log.warning('odd', 'two')
    expect(text()).toMatch(/^[^\n]*WARNING two\n$/)
    expect(copy.trimEnd().split('\n')).toHaveLength(3)
  })
})
