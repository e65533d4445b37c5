import { unpackHalves } from '../graph/halves.ts'
import { byteLength, elements, type Spec } from '../graph/spec.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Slot } from '../op.ts'
import { chooseKernel } from '../plan/choose.ts'
import { SlotPool } from '../plan/memory.ts'
import { elementsOf } from '../plan/plan.ts'
import { encodeStep, type Memory, type Step, StepBuilder } from '../plan/step.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { fill } from './values.ts'

/**
 * A node alone on a device, with random operands. All ways to compute it share the memory of operands and result: plans
 * of their own would need two dozen times as much.
 */
export interface Workbench {
  /** Throws KernelError for a way that does not compile. */
  prepare(way: string): Promise<readonly Step[]>
  /** Runs a way once on a result full of zeros, so that what it leaves out is not what another one wrote. */
  run(steps: readonly Step[]): Promise<Float32Array>
  dispose(): void
}

/** Throws DeviceError where operands and result do not fit the device. */
export async function openWorkbench(runtime: Runtime, tensor: Tensor): Promise<Workbench> {
  const { device } = runtime
  const { op, params, spec } = tensor
  const specs = tensor.inputs.map((input) => input.spec)
  const pool = new SlotPool(runtime)
  const owned: GPUBuffer[] = []
  const dispose = () => {
    for (const buffer of owned) runtime.release(buffer)
    pool.dispose()
  }
  const place = async (of: Spec, label: string): Promise<Memory> => {
    const size = byteLength(of)
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = await runtime.buffer(size, usage, label)
    owned.push(buffer)
    return { buffer, offset: 0, size }
  }
  try {
    const operands: Memory[] = []
    for (const [index, of] of specs.entries()) {
      const memory = await place(of, `operand ${index}`)
      device.queue.writeBuffer(memory.buffer, 0, elementsOf(of, fill({ spec: of }, index + 1)))
      operands.push(memory)
    }
    const result = await place(spec, 'result')
    // For what a fused node leaves aside, and for bindings that nobody writes: nothing is read from them.
    const aside = await place({ shape: [2, spec.shape.at(-1) ?? 1], dtype: 'f32' }, 'aside')
    const unused = await place({ shape: [4], dtype: 'f32' }, 'unused')
    return {
      async prepare(way) {
        const kernel = chooseKernel(tensor, runtime.capabilities, { [op.name]: way }, op.name)
        const program = kernel.program(specs, spec, params, runtime.capabilities)
        const words = program.scratch ?? []
        const scratch = await pool.claim(words)
        const builder = new StepBuilder(runtime)
        builder.add(way, program, (slot: Slot) => {
          const index = Number.parseInt(slot.replace(/\D+/, ''), 10)
          if (slot === 'output') return { memory: result, dtype: spec.dtype }
          if (slot === 'aside' || slot === 'unused') {
            return { memory: slot === 'aside' ? aside : unused, dtype: 'f32' }
          }
          if (slot.startsWith('input')) return { memory: operands[index]!, dtype: specs[index]!.dtype }
          return { memory: { buffer: scratch[index]!, offset: 0, size: words[index]! * 4 }, dtype: 'f32' }
        })
        const { steps, uniforms } = await builder.build()
        owned.push(uniforms)
        return steps
      },
      async run(steps) {
        const encoder = device.createCommandEncoder()
        encoder.clearBuffer(result.buffer)
        const pass = encoder.beginComputePass()
        for (const step of steps) encodeStep(pass, step)
        pass.end()
        device.queue.submit([encoder.finish()])
        const bytes = await runtime.readBuffer(result.buffer, 0, result.size)
        const count = elements(spec.shape)
        return spec.dtype === 'f16'
          ? unpackHalves(new Uint16Array(bytes, 0, count))
          : new Float32Array(bytes, 0, count)
      },
      dispose,
    }
  } catch (error) {
    dispose()
    throw error
  }
}
