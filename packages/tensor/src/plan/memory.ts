import type { Runtime } from '../runtime/runtime.ts'

/** An intermediate's life: the steps between which its memory must not be given away. */
export interface Lifetime {
  readonly words: number
  readonly first: number
  readonly last: number
}

/** How the lifetimes were laid out: for each its slot, and the size of every slot. */
export interface Layout {
  readonly slotOf: readonly number[]
  readonly slotWords: readonly number[]
}

/**
 * Shares whole buffers between lifetimes that do not overlap, largest first (the greedy-by-size strategy of
 * Pisarchyk and Lee, 2020). Whole buffers, not ranges of one: WebGPU forbids binding one buffer as read-only and
 * writable in the same dispatch, even where the ranges are disjoint.
 */
export function layOut(lifetimes: readonly Lifetime[]): Layout {
  const order = lifetimes
    .map((_, index) => index)
    .sort((a, b) => lifetimes[b]!.words - lifetimes[a]!.words || a - b)
  const slotOf = new Array<number>(lifetimes.length)
  const slots: { words: number; residents: Lifetime[] }[] = []
  for (const index of order) {
    const lifetime = lifetimes[index]!
    const overlaps = (other: Lifetime) => lifetime.first <= other.last && other.first <= lifetime.last
    let slot = slots.findIndex(({ residents }) => !residents.some(overlaps))
    if (slot < 0) slot = slots.push({ words: lifetime.words, residents: [] }) - 1
    slots[slot]!.residents.push(lifetime)
    slotOf[index] = slot
  }
  return { slotOf, slotWords: slots.map(({ words }) => words) }
}

/**
 * Buffers that several plans share. Plans run one after another and leave nothing in their slots, so the k-th
 * largest slot of each can be the same memory.
 */
export class SlotPool {
  private readonly runtime: Runtime
  private readonly buffers: GPUBuffer[] = []

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Bytes of all slots. */
  get bytes(): number {
    return this.buffers.reduce((sum, { size }) => sum + size, 0)
  }

  /** One distinct buffer per wanted size, in the order of the sizes. */
  async claim(words: readonly number[]): Promise<GPUBuffer[]> {
    const free = [...this.buffers].sort((a, b) => b.size - a.size)
    const claimed = new Array<GPUBuffer>(words.length)
    const order = words.map((_, index) => index).sort((a, b) => words[b]! - words[a]!)
    for (const index of order) {
      const bytes = words[index]! * 4
      // The list is sorted: if the largest free buffer is too small, all are.
      if (free[0] && free[0].size >= bytes) {
        claimed[index] = free.shift()!
        continue
      }
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
      const buffer = await this.runtime.buffer(bytes, usage, 'slot')
      this.buffers.push(buffer)
      claimed[index] = buffer
    }
    return claimed
  }

  /** Frees all slots; plans that used them can not run any more. */
  dispose(): void {
    for (const buffer of this.buffers) this.runtime.release(buffer)
    this.buffers.length = 0
  }
}
