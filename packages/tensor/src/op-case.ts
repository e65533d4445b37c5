import type { Spec } from './graph/spec.ts'
import type { Tensor, Update } from './graph/tensor.ts'
import type { Op, UpdateOp } from './op.ts'

/** How a test input is filled. */
export interface InputCase {
  readonly spec: Spec
  /**
   * `normal`: standard normal. `positive`: in [0.5, 1.5]. `apart`: no two values closer than 0.01, none closer to zero
   * than that, for ops with kinks. `classes`: integers below `classes`. Normal by default, classes for u32.
   */
  readonly fill?: 'normal' | 'positive' | 'apart' | 'classes'
  readonly classes?: number
  /** The values themselves, where they matter. */
  readonly values?: readonly number[]
}

/** One use of an op: what correctness tests, gradient checks, fuzzing and benches all run. */
export interface OpCase {
  readonly op: Op<never>
  readonly name: string
  readonly inputs: readonly InputCase[]
  /** The graph under test; the op's node is in it, so are others that it cannot do without. */
  build(inputs: readonly Tensor[]): Tensor
  /** Highest order of derivative that is checked: 0 none, 1 (default), 2. */
  readonly order?: 0 | 1 | 2
  /** Allowed relative L2 error in float32; 5e-6 by default. */
  readonly tolerance?: number
}

/** One use of an update. What it overwrites are variables, everything else is fed. */
export interface UpdateCase {
  readonly op: UpdateOp<never>
  readonly name: string
  readonly inputs: readonly InputCase[]
  build(inputs: readonly Tensor[]): Update
}

/** A random integer in a range, ends included. */
export type Pick = (least: number, greatest: number) => number

/** Everything there is to test about an op. */
export interface OpCases {
  readonly cases: readonly OpCase[]
  /** Cases of the updates in the op's folder. */
  readonly updates?: readonly UpdateCase[]
  /** Cases of random odd shapes. */
  fuzz?(pick: Pick): OpCase
}
