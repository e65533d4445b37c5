import { openGpu } from '@voxnorm/node'
import { expect, it } from 'vitest'
import { Runtime } from '../src/runtime/runtime.ts'

/** A runtime of its own, because a device that failed once is not used again. */
async function withRuntime(action: (runtime: Runtime) => Promise<void>): Promise<void> {
  const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  try {
    await action(runtime)
  } finally {
    runtime.dispose()
    opened.release()
  }
}

it('says how much memory was asked for, and what there is', async () => {
  await withRuntime(async (runtime) => {
    const { maxBufferSize } = runtime.capabilities.limits
    const asked = runtime.buffer(maxBufferSize + 4, GPUBufferUsage.STORAGE, 'the moments of Adam')
    await expect(asked).rejects.toMatchObject({
      kind: 'out-of-memory',
      message: expect.stringMatching(/the moments of Adam asks for [\d.]+ MiB.*0\.0 MiB are in use$/),
    })
  })
})

it('tells of a command that the device refuses', async () => {
  await withRuntime(async (runtime) => {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE
    runtime.device.createBuffer({ size: 16, usage })
    await expect(runtime.idle()).rejects.toMatchObject({
      kind: 'validation',
      message: expect.stringContaining('the device refused a command'),
    })
  })
})
