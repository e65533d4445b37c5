import { setImmediate } from 'node:timers/promises'
import { type OpenedGpu, openGpu } from '@voxnorm/node'
import { compile, f32, input, Runtime, SlotPool, square } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('waiting for a device', () => {
  let opened: OpenedGpu
  beforeAll(async () => {
    opened = await openGpu({ device: process.env.VOXNORM_TEST_DEVICE ?? 'software' })
  })
  afterAll(() => opened?.release())

  const forever = () => new Promise<never>(() => {})

  it('ends when the device is gone, for all who wait and all who come later', async () => {
    const runtime = await Runtime.open(opened.gpu)
    const waits = [runtime.patiently(forever), runtime.patiently(forever)]
    runtime.device.destroy()
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ kind: 'lost' })
    await expect(runtime.patiently(forever)).rejects.toMatchObject({ kind: 'lost' })
    runtime.dispose()
  })

  it('naps in one row for all waits, longer and longer, and begins anew with the next wait', async () => {
    const naps: number[] = []
    let [asleep, most] = [0, 0]
    const pause = async (milliseconds: number) => {
      naps.push(milliseconds)
      most = Math.max(most, ++asleep)
      await setImmediate()
      asleep--
    }
    const runtime = await Runtime.open(opened.gpu, { pause })
    let end: () => void = () => {}
    const event = new Promise<void>((resolve) => {
      end = resolve
    })
    const wait = () => runtime.patiently(() => event)
    const waits = [wait(), wait(), wait()]
    while (naps.length < 12) await setImmediate()
    // The first nap had begun when the second wait made it begin anew.
    expect(naps.slice(0, 12)).toEqual([0, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4, 4])
    const before = naps.length
    waits.push(wait())
    while (naps.length < before + 2) await setImmediate()
    expect(naps.slice(before, before + 2)).toEqual([0, 0.5])
    end()
    await Promise.all(waits)
    const after = naps.length
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    expect(naps.length - after).toBeLessThanOrEqual(1)
    expect(most).toBe(1)
    runtime.dispose()
  })

  it('brings results back through as many buffers as runs were in flight together', async () => {
    const runtime = await Runtime.open(opened.gpu)
    const pool = new SlotPool(runtime)
    const y = square(input('x', f32(64)))
    const plan = await compile(runtime, { name: 'square', outputs: { y } }, { pool })
    const prepared = runtime.allocatedBytes
    for (let round = 0; round < 3; round++) {
      const runs = [1, 2, 3].map((x) => plan.run({ x: new Float32Array(64).fill(x + round) }))
      for (const [index, { y }] of (await Promise.all(runs)).entries())
        expect(y![63]).toBe((index + 1 + round) ** 2)
      expect(runtime.allocatedBytes - prepared).toBe(3 * 64 * 4)
    }
    const last = plan.run({ x: new Float32Array(64) })
    plan.dispose()
    pool.dispose()
    await last
    expect(runtime.allocatedBytes).toBe(0)
    runtime.dispose()
  })
})
