import { setImmediate } from 'node:timers/promises'

/** Blocks the thread, since an idle wait would burn a core that a software device computes on; then lets Dawn poll once. */
export async function nap(milliseconds: number): Promise<void> {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
  await setImmediate()
}
