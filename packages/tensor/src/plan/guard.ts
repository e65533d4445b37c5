import { KernelError } from '../errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Layout, Lifetime, SlotPool } from './memory.ts'
import type { Memory } from './step.ts'

/** Where a plan's intermediate results live. */
export interface PlanMemory {
  readonly bytes: number
  claim(pool: SlotPool): Promise<void>
  /** The memory of the lifetime with this index. */
  binding(lifetime: number): Memory
}

/** Memory shared by lifetime. */
export class PlainMemory implements PlanMemory {
  readonly bytes: number
  private readonly layout: Layout
  private slots: GPUBuffer[] = []

  constructor(layout: Layout) {
    this.layout = layout
    this.bytes = layout.slotWords.reduce((sum, words) => sum + words * 4, 0)
  }

  async claim(pool: SlotPool): Promise<void> {
    this.slots = await pool.claim(this.layout.slotWords)
  }

  binding(lifetime: number): Memory {
    const slot = this.layout.slotOf[lifetime]!
    return { buffer: this.slots[slot]!, offset: 0, size: Math.max(4, this.layout.slotWords[slot]! * 4) }
  }
}

/** A NaN with a payload that no computation makes, as one float and as two halves. */
const POISON = 0x7fde7fde
export const GUARD_WORDS = 64

/**
 * For tests: every result has memory of its own, filled with poison, with guard words behind it inside the binding. A
 * kernel that leaves an element unwritten or writes past its end is found after the run.
 */
export class Guard {
  private readonly entries: { readonly buffer: GPUBuffer; readonly words: number }[] = []

  memory(runtime: Runtime, lifetimes: readonly Lifetime[]): PlanMemory {
    const { entries } = this
    const start = entries.length
    return {
      bytes: lifetimes.reduce((sum, { words }) => sum + words * 4, 0),
      async claim() {
        for (const { words } of lifetimes) {
          const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
          const buffer = await runtime.buffer((words + GUARD_WORDS) * 4, usage, 'guarded')
          runtime.device.queue.writeBuffer(buffer, 0, new Uint32Array(words + GUARD_WORDS).fill(POISON))
          entries.push({ buffer, words })
        }
      },
      binding: (lifetime) => {
        const { buffer } = entries[start + lifetime]!
        return { buffer, offset: 0, size: buffer.size }
      },
    }
  }

  /** The binding of a variable with as many words behind it, for whoever keeps guard words there. */
  extended({ buffer, offset, size }: Memory): Memory {
    return { buffer, offset, size: Math.min(size + GUARD_WORDS * 4, buffer.size - offset) }
  }

  /** Throws KernelError if a result has unwritten elements or a guard word changed; then frees the memory. */
  async verify(runtime: Runtime, kernel: string): Promise<void> {
    for (const { buffer, words } of this.entries) {
      const content = new Uint32Array(await runtime.readBuffer(buffer, 0, (words + GUARD_WORDS) * 4))
      runtime.release(buffer)
      const unwritten = content.subarray(0, words).indexOf(POISON)
      if (unwritten >= 0) throw new KernelError(kernel, `leaves element ${unwritten} of ${words} unwritten`)
      const overrun = content.subarray(words).findIndex((word) => word !== POISON)
      if (overrun >= 0)
        throw new KernelError(kernel, `writes element ${words + overrun}, past the end at ${words}`)
    }
    this.entries.length = 0
  }
}
