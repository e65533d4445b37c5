import { nap, openGpu } from '@voxnorm/node'
import { Runtime } from '@voxnorm/tensor'

/** The best software device of this machine. */
export async function openTestDevice(): Promise<{ runtime: Runtime; close: () => void }> {
  const gpu = await openGpu({ device: 'software' })
  const runtime = await Runtime.open(gpu.gpu, { software: gpu.software, pause: nap })
  const close = () => {
    runtime.dispose()
    gpu.release()
  }
  return { runtime, close }
}
