import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { listenForStop } from '../src/stop-request.ts'

/** Sends a signal to this process and waits until all that listen for it have heard it. */
async function deliver(signal: NodeJS.Signals): Promise<void> {
  const heard = once(process, signal)
  process.kill(process.pid, signal)
  await heard
}

describe('listenForStop', () => {
  it('turns the first signal into a request and gives signals back', async () => {
    const seen: string[] = []
    const stop = listenForStop((signal) => seen.push(signal))
    process.kill(process.pid, 'SIGTERM')
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve))
    await deliver('SIGUSR1')
    expect(stop.received()).toBe('SIGTERM')
    expect(seen).toEqual(['SIGTERM'])
    const before = process.listenerCount('SIGTERM')
    stop.release()
    expect(process.listenerCount('SIGTERM')).toBe(before - 1)
  })
})

describe('a second signal', () => {
  it.each([
    ['SIGINT', [130]],
    ['SIGTERM', []],
  ] as const)('%s ends the process at once: %j', async (signal, codes) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never)
    const stop = listenForStop(() => {})
    try {
      for (const one of ['SIGTERM', signal] as const) await deliver(one)
      expect(exit.mock.calls.map(([code]) => code)).toEqual(codes)
      expect(stop.received()).toBe('SIGTERM')
    } finally {
      stop.release()
      exit.mockRestore()
    }
  })
})
