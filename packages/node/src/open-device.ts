import { Runtime } from '@voxnorm/tensor'
import { openGpu } from './gpu.ts'
import { nap } from './nap.ts'

/**
 * Opens the device that `device` names (`auto`, `software`, or a part of an adapter's name) with a runtime on it: what
 * `@voxnorm/pipeline` calls an open device. `close` lets go of both.
 *
 * Throws DeviceError, with everything that was tried, when there is none.
 */
export async function openDevice(device = 'auto') {
  const opened = await openGpu({ device })
  const { name, description, software } = opened
  const runtime = await Runtime.open(opened.gpu, { software, ...(software && { pause: nap }) })
  return {
    runtime,
    name,
    description,
    software,
    close() {
      runtime.dispose()
      opened.release()
    },
  }
}
