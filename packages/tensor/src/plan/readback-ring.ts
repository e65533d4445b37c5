import type { Runtime } from '../runtime/runtime.ts'

/**
 * The buffers through which a plan's outputs come back to the host, used in turn. A run takes one and gives it back when
 * its values have been read, so that there are as many as runs were ever in flight together, and none is made after.
 */
export class ReadbackRing {
  private readonly runtime: Runtime
  private readonly bytes: number
  private readonly free: GPUBuffer[] = []
  private disposed = false

  constructor(runtime: Runtime, bytes: number) {
    this.runtime = runtime
    this.bytes = bytes
  }

  /** A buffer for a copy of the outputs; `read` gives it back. */
  take(): GPUBuffer {
    return this.free.shift() ?? this.runtime.readbackBuffer(this.bytes)
  }

  /** Resolves with what a buffer holds when the device has done what was submitted before. */
  async read(buffer: GPUBuffer): Promise<ArrayBuffer> {
    await this.runtime.patiently(() => buffer.mapAsync(GPUMapMode.READ))
    const bytes = buffer.getMappedRange().slice(0)
    buffer.unmap()
    if (this.disposed) this.runtime.release(buffer)
    else this.free.push(buffer)
    return bytes
  }

  /** Frees the buffers; that of a run in flight when the run is over. */
  dispose(): void {
    this.disposed = true
    for (const buffer of this.free) this.runtime.release(buffer)
    this.free.length = 0
  }
}
