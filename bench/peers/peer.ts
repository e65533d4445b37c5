import type { Case } from './cases.ts'
import type { Exchanged, Index, Tensors } from './exchange.ts'

/** A case made ready by a peer. */
export interface Prepared {
  /** Does the work once; resolves when the device is done. */
  step(): Promise<void>
  /** What the case gives, by the names of the truth. Called once, after the first step. */
  outputs(): Promise<Record<string, Exchanged>>
  /** Bytes that the peer holds on the device, where it knows. */
  deviceBytes?(): number
  dispose(): void
}

/** A library in a process of its own. */
export interface Peer {
  readonly version: string
  /** Ways in which it can do the work, each a row of the table. A peer with one way calls it ''. */
  readonly variants: readonly string[]
  /** What the variants run on, if not on the adapter that the worker opened. */
  readonly adapters?: Readonly<Record<string, string>>
  /** Null for a case that a variant cannot do. */
  prepare(theCase: Case, tensors: Tensors, variant: string): Promise<Prepared | null>
}

/** What `main.ts` asks of a worker, one JSON object a line; `pytorch.py` understands the same. */
export type Request =
  | {
      readonly do: 'prepare'
      readonly variant: string
      readonly case: Case
      readonly folder: string
      readonly index: Index
    }
  | { readonly do: 'time'; readonly variant: string; readonly runs: number }
  | { readonly do: 'dispose' }

/** Marks the lines that are answers: libraries print too. */
export const ANSWER = '@@'

/** What a process says of itself when it is ready. */
export interface Hello {
  readonly version: string
  /** Each variant, with what it runs on. */
  readonly adapters: Readonly<Record<string, string>>
  /** Errors that count as right for variants of less precision. */
  readonly tolerances?: Readonly<Record<string, number>>
}

/** Answers to `prepare` and `time`: milliseconds of wall and of processor time, null where there is none to tell. */
export type First =
  | { readonly unable: true }
  | { readonly ms: number; readonly cpu: number; readonly index: Index }
export interface Timed {
  readonly ms: number
  readonly cpu: number | null
  readonly bytes: number | null
}
