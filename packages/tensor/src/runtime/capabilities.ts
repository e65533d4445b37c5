import type { MatrixUnits } from './matrix-syntax.ts'

/** What kernels may know of a device when they decide whether they fit it. */
export interface Capabilities {
  /** The adapter's own words, e.g. `llvmpipe (LLVM 19.1.7, 256 bits)`. */
  readonly adapter: string
  /** True for drivers that run on the processor: loads are dear there and workgroup memory is no help. */
  readonly software: boolean
  /** Lanes of a subgroup, when the device has subgroups of one size only; else null. */
  readonly subgroupSize: number | null
  readonly features: ReadonlySet<string>
  /** The device's matrix units, where it has such that multiply 16×16 halves and sum in f32; else null. */
  readonly matrices: MatrixUnits | null
  readonly limits: {
    readonly maxStorageBufferBindingSize: number
    readonly maxBufferSize: number
    readonly maxComputeWorkgroupStorageSize: number
    readonly maxComputeInvocationsPerWorkgroup: number
  }
}
