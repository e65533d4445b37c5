import { PlanError } from '../errors.ts'
import { packHalves, unpackHalves } from '../graph/halves.ts'
import { describeSpec, elements, isIntegers, type Spec } from '../graph/spec.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { ReadbackRing } from './readback-ring.ts'
import { encodeStep, type Memory, type Step } from './step.ts'
import { timePasses, timeSteps } from './stopwatch.ts'

/** Values for a plan's inputs: typed arrays, or a number for a scalar. */
export type Feeds = Readonly<Record<string, Float32Array | Uint32Array | number>>

/** Values of a plan's output: a u32 tensor gives integers, any other floats. */
export type OutputValues = Float32Array | Uint32Array

/** Time of one dispatch alone. */
export interface DispatchTime {
  readonly name: string
  readonly milliseconds: number
}

/** What a plan will need, known before it runs. */
export interface PlanSummary {
  readonly dispatches: number
  /** Bytes of intermediate results, after sharing. */
  readonly slotBytes: number
  /** Bytes of the largest single binding. */
  readonly largestBinding: number
  /** Nominal floating-point operations of one run. */
  readonly flops: number
  /** Bytes that must move: every op reads its operands once and writes its results once. */
  readonly bytes: number
}

/** Where an input's values go. */
export interface InputPlace {
  readonly spec: Spec
  /** Index of the scalar's cell, or the input's own buffer. */
  readonly cell?: number
  readonly buffer?: GPUBuffer
}

/** Where an output's values come from, and its byte offset among all outputs. */
export interface OutputPlace {
  readonly spec: Spec
  readonly source: Memory
  readonly offset: number
}

/** Scalar inputs share one buffer, each in its own 256-byte cell, and one write per run. */
export const SCALAR_CELL_WORDS = 64

/** Everything that compiling a plan produces. */
export interface PlanParts {
  readonly name: string
  readonly steps: readonly Step[]
  readonly summary: PlanSummary
  readonly inputs: ReadonlyMap<string, InputPlace>
  readonly outputs: ReadonlyMap<string, OutputPlace>
  /** The buffer that all scalar inputs share, and its next contents. */
  readonly scalars: { readonly buffer: GPUBuffer; readonly words: Uint32Array<ArrayBuffer> }
  /** Buffers that are freed with the plan. */
  readonly owned: readonly GPUBuffer[]
}

/** Values as they lie in the memory of a tensor. */
export function elementsOf({ dtype }: Spec, values: ArrayLike<number>): Elements {
  if (dtype === 'f16') return packHalves(values)
  // What has the type already is not copied; callers do not write into it.
  const Type = dtype === 'u32' ? Uint32Array : Float32Array
  return values instanceof Type ? (values as Elements) : Type.from(values)
}

/** The inverse: values of a tensor that lies somewhere among bytes. */
function valuesAt(bytes: ArrayBuffer, offset: number, { shape, dtype }: Spec): OutputValues {
  const count = elements(shape)
  if (dtype === 'f16') return unpackHalves(new Uint16Array(bytes, offset, count))
  return dtype === 'u32' ? new Uint32Array(bytes, offset, count) : new Float32Array(bytes, offset, count)
}

type Elements = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>

/**
 * A graph made ready to run again and again: kernels chosen and compiled, memory laid out, bind groups made. A run
 * writes the inputs and encodes one compute pass. `Values` is what the outputs are, see `compile`.
 */
export class Plan<Values extends OutputValues = Float32Array> {
  readonly name: string
  readonly summary: PlanSummary
  readonly steps: readonly Step[]
  private readonly runtime: Runtime
  private readonly inputs: ReadonlyMap<string, InputPlace>
  private readonly outputs: ReadonlyMap<string, OutputPlace>
  private readonly scalars: PlanParts['scalars']
  private readonly owned: readonly GPUBuffer[]
  private readonly readback: ReadbackRing

  constructor(runtime: Runtime, parts: PlanParts) {
    this.runtime = runtime
    this.name = parts.name
    this.summary = parts.summary
    this.steps = parts.steps
    this.inputs = parts.inputs
    this.outputs = parts.outputs
    this.scalars = parts.scalars
    this.owned = parts.owned
    const outputBytes = [...parts.outputs.values()].reduce((sum, { source }) => sum + source.size, 0)
    this.readback = new ReadbackRing(runtime, outputBytes)
  }

  /**
   * Submits one run, in one submission, and resolves with the values of the outputs. A caller that does not await keeps
   * the device busy while it prepares and uploads the next run; state changes happen in the order of the calls.
   */
  run(feeds: Feeds = {}): Promise<Record<string, Values>> {
    this.runtime.check()
    this.feed(feeds)
    const encoder = this.runtime.device.createCommandEncoder({ label: this.name })
    const pass = encoder.beginComputePass()
    for (const step of this.steps) encodeStep(pass, step)
    pass.end()
    return this.collectOutputs(encoder)
  }

  /**
   * Runs once with every dispatch in a pass of its own, and times each with the device's clock or with `host`, see
   * `timePasses`. State changes as in any other run.
   */
  async profile(feeds: Feeds = {}, host?: () => number): Promise<readonly DispatchTime[]> {
    this.feed(feeds)
    const times = await timePasses(
      this.runtime,
      this.steps.map((step) => [step]),
      host,
    )
    return this.steps.map(({ name }, index) => ({ name, milliseconds: times[index]! }))
  }

  /**
   * Milliseconds of one run, without feeding and without copying outputs back: the dispatches `repetitions` times in one
   * pass, divided by that number. Inputs keep what was fed last; state changes as in so many runs.
   */
  async time(repetitions = 1): Promise<number> {
    this.runtime.check()
    return timeSteps(this.runtime, this.steps, repetitions)
  }

  /** Frees what belongs to this plan alone; shared slots stay with their pool. */
  dispose(): void {
    for (const buffer of this.owned) this.runtime.release(buffer)
    this.readback.dispose()
  }

  private feed(feeds: Feeds): void {
    for (const name of Object.keys(feeds)) {
      if (!this.inputs.has(name)) {
        throw new PlanError(this.name, `has no input "${name}"`, {
          fix: `its inputs are ${[...this.inputs.keys()].join(', ') || 'none'}`,
        })
      }
    }
    for (const [name, place] of this.inputs) {
      const value = feeds[name]
      const length = typeof value === 'number' ? 1 : value?.length
      if (value === undefined || length !== elements(place.spec.shape)) {
        throw new PlanError(this.name, `input "${name}" needs ${describeSpec(place.spec)}`, {
          fix: value === undefined ? 'it was not fed' : `it was given ${length} values`,
        })
      }
      const values = typeof value === 'number' ? [value] : value
      if (place.spec.dtype === 'u32' && !isIntegers(values)) {
        throw new PlanError(this.name, `input "${name}" needs ${describeSpec(place.spec)}`, {
          fix: 'it was given a value that is no integer from 0 to 2³² − 1',
        })
      }
      const array = elementsOf(place.spec, values)
      if (place.cell !== undefined) {
        this.scalars.words.set(
          new Uint32Array(array.buffer, array.byteOffset, 1),
          place.cell * SCALAR_CELL_WORDS,
        )
      } else {
        this.runtime.device.queue.writeBuffer(place.buffer!, 0, array)
      }
    }
    this.runtime.device.queue.writeBuffer(this.scalars.buffer, 0, this.scalars.words)
  }

  private async collectOutputs(encoder: GPUCommandEncoder): Promise<Record<string, Values>> {
    const { device } = this.runtime
    if (this.outputs.size === 0) {
      device.queue.submit([encoder.finish()])
      return {}
    }
    const buffer = this.readback.take()
    for (const { source, offset } of this.outputs.values()) {
      encoder.copyBufferToBuffer(source.buffer, source.offset, buffer, offset, source.size)
    }
    device.queue.submit([encoder.finish()])
    const bytes = await this.readback.read(buffer)
    const results: Record<string, Values> = {}
    for (const [name, { spec, offset }] of this.outputs) {
      results[name] = valuesAt(bytes, offset, spec) as Values
    }
    return results
  }
}
