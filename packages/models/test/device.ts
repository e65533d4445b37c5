import { Runtime } from '@voxnorm/tensor'
import { openGpu } from '@voxnorm/tensor/node'

/**
 * A software device for tests of models. Its unrolled convolutions take seconds to compile, far longer than these tests
 * compute; what is tested here does not depend on the kernel, so the plain ones are used.
 */
export async function openTestDevice(): Promise<{ runtime: Runtime; close: () => void }> {
  const gpu = await openGpu({ device: 'software' })
  const runtime = await Runtime.open(gpu.gpu, { software: gpu.software })
  Object.assign(runtime, { capabilities: { ...runtime.capabilities, subgroupSize: null } })
  const close = () => {
    runtime.dispose()
    gpu.release()
  }
  return { runtime, close }
}
