import { ShapeError } from '../errors.ts'
import { elements, type Spec } from '../graph/spec.ts'
import type { Variable } from '../graph/tensor.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** Bindings start at multiples of 256 bytes, WebGPU's default alignment. */
const ALIGNMENT_WORDS = 64

/** A variable that knows its place in an arena. */
export interface ArenaVariable extends Variable {
  readonly arena: Arena
  /** First word of the variable in the arena. */
  readonly offset: number
}

/**
 * Variables side by side in one buffer, so that an optimizer step is one dispatch and a checkpoint one copy. The gaps
 * that alignment leaves between them hold zeros and stay zero under every update.
 */
export class Arena {
  readonly name: string
  readonly words: number
  readonly variables: readonly ArenaVariable[]
  /** The whole arena as one vector, for updates that do not care where one variable ends. */
  readonly whole: ArenaVariable
  private memory: GPUBuffer | undefined
  private runtime: Runtime | undefined

  constructor(name: string, entries: readonly { readonly name: string; readonly spec: Spec }[]) {
    let offset = 0
    if (entries.some(({ spec }) => spec.dtype === 'f16')) {
      throw new ShapeError(name, 'variables are not kept in half precision')
    }
    this.name = name
    this.variables = entries.map((entry) => {
      const variable = { name: entry.name, spec: entry.spec, arena: this, offset }
      offset += Math.ceil(elements(entry.spec.shape) / ALIGNMENT_WORDS) * ALIGNMENT_WORDS
      return variable
    })
    this.words = Math.max(offset, ALIGNMENT_WORDS)
    this.whole = { name, spec: { shape: [this.words], dtype: 'f32' }, arena: this, offset: 0 }
  }

  /** Gives the arena memory on a device, filled with zeros. */
  async allocate(runtime: Runtime): Promise<void> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    this.runtime = runtime
    this.memory = await runtime.buffer(this.words * 4, usage, this.name)
  }

  /** The buffer; throws when `allocate` was not called. */
  get buffer(): GPUBuffer {
    if (!this.memory) throw new ShapeError(this.name, 'the arena has no memory; call allocate first')
    return this.memory
  }

  /** Overwrites one variable. */
  write(variable: ArenaVariable, values: Float32Array): void {
    if (values.length !== elements(variable.spec.shape)) {
      throw new ShapeError(
        variable.name,
        `holds ${elements(variable.spec.shape)} values, was given ${values.length}`,
      )
    }
    this.runtime!.device.queue.writeBuffer(
      this.buffer,
      variable.offset * 4,
      values as Float32Array<ArrayBuffer>,
    )
  }

  /** Overwrites the whole arena, gaps included. */
  writeAll(values: Float32Array): void {
    this.write(this.whole, values)
  }

  /** All words of the arena, gaps included. */
  async readAll(): Promise<Float32Array> {
    return new Float32Array(await this.runtime!.readBuffer(this.buffer, 0, this.words * 4))
  }

  dispose(): void {
    if (this.memory) this.runtime!.release(this.memory)
    this.memory = undefined
  }
}

/** One variable's values out of a copy of its arena. */
export function sliceOf(arenaValues: Float32Array, variable: ArenaVariable): Float32Array {
  return arenaValues.subarray(variable.offset, variable.offset + elements(variable.spec.shape))
}
