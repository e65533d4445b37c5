import { openGpu } from '@voxnorm/node'
import { DeviceError } from '@voxnorm/tensor'

/**
 * The software renderers that can be opened, as `openGpu` takes their names: the best of the machine, and SwiftShader
 * where that is another one.
 */
export async function softwareRenderers(): Promise<readonly string[]> {
  const names: string[] = []
  for (const device of ['software', 'swiftshader']) {
    try {
      const opened = await openGpu({ device })
      if (!names.includes(opened.name)) names.push(opened.name)
      opened.release()
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error
    }
  }
  return names
}
