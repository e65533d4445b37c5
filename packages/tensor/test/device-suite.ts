import { nap, openGpu } from '@voxnorm/node'
import { afterAll } from 'vitest'
import { Runtime } from '../src/runtime/runtime.ts'
import { testNonFinite } from './non-finite-suite.ts'
import { testOps } from './op-suite.ts'

/**
 * Declares the tests of every op on the device of that name (see `OpenGpuOptions.device`). They share a runtime, which
 * compiles a kernel once for all of them: compiling takes most of their time.
 */
export async function testDevice(device: string, randomShapes: number): Promise<void> {
  const opened = await openGpu({ device })
  const { gpu, name, software } = opened
  const runtime = await Runtime.open(gpu, { software, pause: nap })
  afterAll(() => {
    runtime.dispose()
    opened.release()
  })
  testOps(runtime, name, randomShapes)
  testNonFinite(runtime, name)
}
