import { nap, openGpu } from '@voxnorm/node'
import type { OpenDevice } from '@voxnorm/pipeline'
import { Runtime } from '@voxnorm/tensor'

/**
 * Opens the device that `--device` names: `auto`, `software`, or a part of an adapter's name.
 *
 * Throws DeviceError (exit 69), with everything that was tried, when there is none.
 */
export async function openDevice(device = 'auto'): Promise<OpenDevice> {
  const opened = await openGpu({ device })
  const { software } = opened
  const runtime = await Runtime.open(opened.gpu, { software, ...(software && { pause: nap }) })
  return {
    runtime,
    name: opened.name,
    description: opened.description,
    software: opened.software,
    close() {
      runtime.dispose()
      opened.release()
    },
  }
}
