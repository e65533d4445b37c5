import type { Runtime } from '@voxnorm/tensor'

/** An open device and how to let go of it. */
export interface OpenDevice {
  readonly runtime: Runtime
  readonly name: string
  /** One line for people: which adapter this is, and what that means. */
  readonly description: string
  /** True for renderers that run on the processor. */
  readonly software: boolean
  close(): void
}
