import type { DType } from '../graph/spec.ts'
import { type Program, type Slot, type Stage, textOf } from '../op.ts'
import type { CompiledKernel, Runtime } from '../runtime/runtime.ts'

/** A range of a buffer, in bytes. */
export interface Memory {
  readonly buffer: GPUBuffer
  readonly offset: number
  readonly size: number
}

/** The memory behind a slot of a program, and what lies in it. */
export interface Operand {
  readonly memory: Memory
  readonly dtype: DType
}

/** One dispatch, ready to be encoded. */
export interface Step {
  /** What the profiler calls it: op, kernel file and label. */
  readonly name: string
  readonly pipeline: GPUComputePipeline
  readonly bindGroup: GPUBindGroup
  readonly grid: readonly [number, number, number]
}

/** Adds a step to a compute pass. */
export function encodeStep(pass: GPUComputePassEncoder, { pipeline, bindGroup, grid }: Step): void {
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, bindGroup)
  pass.dispatchWorkgroups(grid[0], grid[1], grid[2])
}

/** A dispatch that waits for its uniform block's place. */
interface PendingStep {
  readonly name: string
  readonly kernel: Promise<CompiledKernel>
  readonly bindings: readonly Memory[]
  readonly uniforms: Uint32Array<ArrayBuffer> | undefined
  readonly grid: readonly [number, number, number]
}

/** Uniform blocks start at multiples of 256 bytes. */
const UNIFORM_ALIGNMENT = 256

/**
 * Turns programs into steps. All pipelines of a plan compile at the same time, and all uniform blocks live in one
 * buffer that is written once: shapes are known when the plan is made.
 */
export class StepBuilder {
  private readonly runtime: Runtime
  private readonly pending: PendingStep[] = []

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Adds the dispatches of a program whose slots are found by `resolve`. */
  add(name: string, program: Program, resolve: (slot: Slot) => Operand): void {
    for (const stage of program.stages) {
      const operands = stage.bindings.map(resolve)
      const halves = operands.flatMap(({ dtype }, binding) => (dtype === 'f16' ? binding : []))
      this.pending.push({
        name: `${name} ${stage.file}`,
        kernel: this.compile(stage, halves),
        bindings: operands.map(({ memory }) => memory),
        uniforms: stage.uniforms && packUniforms(stage.uniforms),
        grid: stage.grid,
      })
    }
  }

  private async compile(
    { source, file, constants }: Stage,
    halves: readonly number[],
  ): Promise<CompiledKernel> {
    return this.runtime.kernel(await textOf(source), file, constants, halves)
  }

  /** Compiles everything. Returns the steps and the buffer that holds their uniform blocks. */
  async build(): Promise<{ steps: Step[]; uniforms: GPUBuffer }> {
    const { runtime, pending } = this
    // A kernel that does not compile leaves no buffer behind.
    const kernels = await Promise.all(pending.map(({ kernel }) => kernel))
    const offsets: number[] = []
    let size = 0
    for (const { uniforms } of pending) {
      offsets.push(size)
      if (uniforms) size += Math.ceil(uniforms.byteLength / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT
    }
    const buffer = await runtime.buffer(
      size || UNIFORM_ALIGNMENT,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      'uniforms',
    )
    const steps = pending.map(({ name, bindings, uniforms, grid }, index): Step => {
      const { pipeline, layout } = kernels[index]!
      const resources = [...bindings]
      if (uniforms) {
        runtime.device.queue.writeBuffer(buffer, offsets[index]!, uniforms)
        resources.push({ buffer, offset: offsets[index]!, size: uniforms.byteLength })
      }
      const entries = resources.map((resource, binding) => ({ binding, resource }))
      return {
        name,
        pipeline,
        grid,
        bindGroup: runtime.device.createBindGroup({ label: name, layout, entries }),
      }
    })
    return { steps, uniforms: buffer }
  }
}

/** u32 fields first, then f32 fields, padded to the 16 bytes that a uniform block is a multiple of. */
function packUniforms(uniforms: { readonly u32?: readonly number[]; readonly f32?: readonly number[] }) {
  const integers = uniforms.u32 ?? []
  const floats = uniforms.f32 ?? []
  const words = new Uint32Array(Math.ceil((integers.length + floats.length) / 4) * 4)
  words.set(integers)
  new Float32Array(words.buffer).set(floats, integers.length)
  return words
}
