import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openHeartbeat } from '../src/heartbeat.ts'

let folder: string
let descriptor: number
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-heartbeat-'))
  descriptor = openSync(path.join(folder, 'stderr'), 'a')
})
afterEach(() => {
  closeSync(descriptor)
  rmSync(folder, { recursive: true, force: true })
})

/** Keeps this thread as busy as a long computation does, until something is written. */
function computeUntilWritten(): string {
  for (;;) {
    const text = readFileSync(path.join(folder, 'stderr'), 'utf8')
    if (text.includes('\n')) return text
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  }
}

describe('a heartbeat', () => {
  it('says what the command is at while the thread computes', async () => {
    const heartbeat = openHeartbeat({ descriptor, format: 'text', period: 1 })
    heartbeat.said('predicting 2 volumes')
    heartbeat.at('predict 1/2 a 0/64 windows')
    // Long enough for the thread to start and to hear it.
    await wait(500)
    expect(computeUntilWritten()).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO {4}working: \d+ s since "predict 1\/2 a 0\/64 windows"\n/,
    )
    heartbeat.stop()
  })

  it('speaks JSON where the log does', async () => {
    const heartbeat = openHeartbeat({ descriptor, format: 'json', period: 1 })
    heartbeat.said('load')
    await wait(500)
    const [line] = computeUntilWritten().split('\n')
    expect(JSON.parse(line!)).toMatchObject({
      level: 'info',
      event: 'progress',
      message: expect.stringMatching(/^working: \d+ s since "load"$/),
    })
    heartbeat.stop()
  })
})
