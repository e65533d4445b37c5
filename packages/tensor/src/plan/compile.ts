import { PlanError } from '../errors.ts'
import { isLeaf, mergeEqual, rewireUpdate } from '../graph/rewrite.ts'
import { byteLength, describeSpec, type Spec, sameShape } from '../graph/spec.ts'
import {
  type ConstantParams,
  collect,
  constantOp,
  type InputParams,
  inputOp,
  type Tensor,
  type Update,
  variableOf,
} from '../graph/tensor.ts'
import type { Program, Slot, UpdateOp } from '../op.ts'
import { copy } from '../ops/copy/op.ts'
import { reshapeOp } from '../ops/reshape/op.ts'
import type { Capabilities } from '../runtime/capabilities.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { ArenaVariable } from './arena.ts'
import { chooseKernel, type KernelChoice, type TunedKernels } from './choose.ts'
import { type PlanRewrite, rewritesFor } from './fuse.ts'
import { type Guard, PlainMemory, type PlanMemory } from './guard.ts'
import { type Lifetime, layOut, SlotPool } from './memory.ts'
import {
  elementsOf,
  type InputPlace,
  type OutputPlace,
  type OutputValues,
  Plan,
  SCALAR_CELL_WORDS,
} from './plan.ts'
import { type Memory, StepBuilder } from './step.ts'

/** What a plan computes. */
export interface PlanDefinition {
  readonly name: string
  /** Tensors whose values come back from every run. */
  readonly outputs?: Readonly<Record<string, Tensor>>
  /** Tensors whose values are written into variables, e.g. gradients into their arena. */
  readonly assign?: readonly (readonly [ArenaVariable, Tensor])[]
  /** Changes of state, in this order, after everything else. */
  readonly updates?: readonly Update[]
}

export interface PlanOptions {
  /** Slots shared with other plans of the same runtime. */
  readonly pool?: SlotPool
  readonly kernels?: KernelChoice
  /** For tests and benches that compare: which rewrites take place; by default those that suit the device. */
  readonly rewrites?: readonly PlanRewrite[]
  /** Measured choices; where there is none, or without this, the rules of the kernels choose. */
  readonly tuned?: TunedKernels | undefined
  /** For tests: memory that notices unwritten elements and writes out of bounds. */
  readonly guard?: Guard
}

/** Enough for one element of any binding. */
const UNUSED_BYTES = 16

/**
 * Makes a plan. Throws PlanError when no kernel fits, KernelError when one does not compile. `Values` is the type of its
 * outputs: Float32Array unless the caller says that some or all of them are u32 tensors, which come as Uint32Array.
 */
export async function compile<Values extends OutputValues = Float32Array>(
  runtime: Runtime,
  definition: PlanDefinition,
  options: PlanOptions = {},
): Promise<Plan<Values>> {
  const device = runtime.capabilities
  const graph = normalize(definition, device, options.rewrites)
  const { tensors, updates, outputs, placed } = graph
  const computed = tensors.filter((tensor) => !isLeaf(tensor) && tensor.op !== reshapeOp && !tensor.op.aside)
  const byProducts = new Map(
    tensors.filter(({ op }) => op.aside).map((tensor) => [tensor.inputs[0]!, tensor]),
  )
  const position = new Map(computed.map((tensor, index) => [tensor, index]))
  const kernels = computed.map((tensor) => {
    const best = options.tuned?.(tensor)
    const choice = { ...(best !== undefined && { [tensor.op.name]: best }), ...options.kernels }
    return chooseKernel(tensor, device, choice, definition.name)
  })
  const specsOf = (list: readonly Tensor[]) => list.map((tensor) => tensor.spec)
  const programs: Program[] = [
    ...computed.map((tensor, index) =>
      kernels[index]!.program(specsOf(tensor.inputs), tensor.spec, tensor.params, device),
    ),
    ...updates.map((update) => update.op.program(specsOf(update.inputs), update.params)),
  ]
  const end = programs.length
  requireHalves(tensors, device, definition.name)

  // A result lives from the step that makes it to the last step that reads it; scratch lives for one step.
  const lastUse = new Map<Tensor, number>()
  const use = (tensor: Tensor, step: number) => lastUse.set(source(tensor), step)
  computed.forEach((tensor, step) => {
    for (const input of tensor.inputs) use(input, step)
  })
  updates.forEach((update, index) => {
    for (const input of update.inputs) use(input, computed.length + index)
  })
  for (const tensor of outputs.values()) use(tensor, end)
  const lifetimes: Lifetime[] = []
  const slotted = [...computed.filter((tensor) => !placed.has(tensor)), ...byProducts.values()]
  for (const tensor of slotted) {
    const first = position.get(tensor.op.aside ? tensor.inputs[0]! : tensor)!
    lifetimes.push({ words: byteLength(tensor.spec) / 4, first, last: lastUse.get(tensor) ?? first })
  }
  const scratchStart = programs.map((program, step) => {
    const start = lifetimes.length
    for (const words of program.scratch ?? []) lifetimes.push({ words, first: step, last: step })
    return start
  })
  const pool = options.pool ?? new SlotPool(runtime)
  const memory: PlanMemory = options.guard
    ? options.guard.memory(runtime, lifetimes)
    : new PlainMemory(layOut(lifetimes))
  await memory.claim(pool)

  // Leaves: inputs and constants get buffers of their own, scalars share one, variables have their arena.
  const owned: GPUBuffer[] = []
  const own = async (bytes: number, label: string) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = await runtime.buffer(bytes, usage, label)
    owned.push(buffer)
    return buffer
  }
  const unused: Memory = { buffer: await own(UNUSED_BYTES, 'unused'), offset: 0, size: UNUSED_BYTES }
  const leaves = new Map<Tensor, Memory>()
  const inputs = new Map<string, InputPlace>()
  const scalarCount = tensors.filter((tensor) => tensor.op === inputOp && tensor.shape.length === 0).length
  const scalarWords = new Uint32Array(Math.max(1, scalarCount) * SCALAR_CELL_WORDS)
  const scalarBuffer = await own(scalarWords.byteLength, 'scalars')
  for (const tensor of tensors) {
    const bytes = byteLength(tensor.spec)
    if (tensor.op === constantOp) {
      const { values, spec } = tensor.params as ConstantParams
      const buffer = await own(bytes, 'constant')
      runtime.device.queue.writeBuffer(buffer, 0, elementsOf(spec, values))
      leaves.set(tensor, { buffer, offset: 0, size: bytes })
    } else if (tensor.op === inputOp) {
      const { name, spec } = tensor.params as InputParams
      if (inputs.has(name)) throw new PlanError(definition.name, `two different inputs are called "${name}"`)
      if (tensor.shape.length === 0) {
        const cell = [...inputs.values()].filter((place) => place.cell !== undefined).length
        inputs.set(name, { spec, cell })
        leaves.set(tensor, { buffer: scalarBuffer, offset: cell * SCALAR_CELL_WORDS * 4, size: 4 })
      } else {
        const buffer = await own(bytes, name)
        inputs.set(name, { spec, buffer })
        leaves.set(tensor, { buffer, offset: 0, size: bytes })
      }
    } else {
      const variable = variableOf(tensor) as ArenaVariable | undefined
      const binding = variable && bindingOf(variable)
      if (binding) leaves.set(tensor, options.guard?.extended(binding) ?? binding)
    }
  }

  const slottedIndex = new Map(slotted.map((tensor, index) => [tensor, index]))
  const locate = (tensor: Tensor): Memory => {
    const origin = source(tensor)
    const place = placed.get(origin)
    return leaves.get(origin) ?? (place ? bindingOf(place) : memory.binding(slottedIndex.get(origin)!))
  }
  const builder = new StepBuilder(runtime)
  let largestBinding = 0
  const resolver = (step: number, operands: readonly Tensor[], output?: Tensor) => (slot: Slot) => {
    if (slot === 'unused') return { memory: unused, dtype: 'f32' as const }
    const index = Number.parseInt(slot.replace(/\D+/, ''), 10)
    const results: Partial<Record<Slot, Tensor | undefined>> = { output, aside: byProducts.get(output!) }
    const tensor = slot.startsWith('input') ? operands[index] : results[slot]
    const place = tensor ? locate(tensor) : memory.binding(scratchStart[step]! + index)
    largestBinding = Math.max(largestBinding, place.size)
    return { memory: place, dtype: tensor?.spec.dtype ?? 'f32' }
  }
  computed.forEach((tensor, step) => {
    const label = tensor.label ? ` ${tensor.label}` : ''
    builder.add(`${tensor.op.name}${label}`, programs[step]!, resolver(step, tensor.inputs, tensor))
  })
  updates.forEach((update, index) => {
    const step = computed.length + index
    builder.add(update.op.name, programs[step]!, resolver(step, update.inputs))
  })
  const { steps, uniforms } = await builder.build()
  owned.push(uniforms)

  const outputPlaces = new Map<string, OutputPlace>()
  let outputBytes = 0
  for (const [name, tensor] of outputs) {
    const size = byteLength(tensor.spec)
    outputPlaces.set(name, {
      spec: tensor.spec,
      source: { ...locate(tensor), size },
      offset: outputBytes,
    })
    outputBytes += size
  }
  const costs = computed.map(
    (tensor, index) => kernels[index]!.cost?.(specsOf(tensor.inputs), tensor.spec, tensor.params) ?? 0,
  )
  return new Plan<Values>(runtime, {
    name: definition.name,
    steps,
    inputs,
    outputs: outputPlaces,
    scalars: { buffer: scalarBuffer, words: scalarWords },
    owned,
    summary: {
      dispatches: steps.length,
      slotBytes: memory.bytes,
      largestBinding,
      flops: costs.reduce((sum, cost) => sum + cost, 0),
      bytes:
        computed.reduce((sum, { inputs, spec }) => sum + bytesOf([...specsOf(inputs), spec]), 0) +
        updates.reduce((sum, { op, inputs }) => sum + bytesOf(movedBy(op, specsOf(inputs))), 0),
    },
  })
}

/** Throws PlanError when a graph has tensors in half precision and the device knows no such thing. */
function requireHalves(tensors: readonly Tensor[], device: Capabilities, plan: string): void {
  const half = tensors.find(({ spec }) => spec.dtype === 'f16')
  if (!half || device.features.has('shader-f16')) return
  throw new PlanError(plan, `${device.adapter} has no half precision (shader-f16)`, {
    operands: [`${describeSpec(half.spec)}  ${half.label ?? half.op.name}`],
    fix: 'compute in f32 on this device',
  })
}

const bytesOf = (specs: readonly Spec[]): number => specs.reduce((sum, spec) => sum + byteLength(spec), 0)

/** An update reads all its inputs, and writes some of them again. */
const movedBy = ({ updates }: UpdateOp, inputs: readonly Spec[]): Spec[] => [
  ...inputs,
  ...updates.map((index) => inputs[index]!),
]

interface Normalized {
  readonly tensors: readonly Tensor[]
  readonly outputs: ReadonlyMap<string, Tensor>
  readonly updates: readonly Update[]
  /** Computed tensors whose result goes straight into a variable. */
  readonly placed: ReadonlyMap<Tensor, ArenaVariable>
}

/** Rewrites the graph for a device, and decides which results can be written straight into variables they are assigned to. */
function normalize(
  definition: PlanDefinition,
  device: Capabilities,
  rewrites?: readonly PlanRewrite[],
): Normalized {
  const assigned = (definition.assign ?? []).map(([variable, tensor]) => {
    if (!sameShape(variable.spec.shape, tensor.shape) || variable.spec.dtype !== tensor.spec.dtype) {
      throw new PlanError(definition.name, `${variable.name} cannot take ${describeSpec(tensor.spec)}`)
    }
    return [variable, tensor] as const
  })
  const roots = [
    ...Object.values(definition.outputs ?? {}),
    ...assigned.map(([, tensor]) => tensor),
    ...(definition.updates ?? []).flatMap((update) => update.inputs),
  ]
  const became = rewritten(roots, rewrites ?? rewritesFor(device), device)
  const merged = collect([...became.values()])
  const placed = new Map<Tensor, ArenaVariable>()
  const copies: Tensor[] = []
  const isRead = new Set(
    merged.filter(({ op }) => op !== reshapeOp).flatMap(({ inputs }) => inputs.map(source)),
  )
  const values = assigned.map(([, tensor]) => became.get(tensor)!)
  const sources = values.map(source)
  for (const [index, [variable]] of assigned.entries()) {
    let made = sources[index]!
    // Results are written in place, unless another dispatch reads them that may write into the same arena: WebGPU forbids
    // a dispatch to do both with one buffer. Copies of a result that is wanted twice are such dispatches.
    const isWantedTwice = sources.indexOf(made) !== sources.lastIndexOf(made)
    if (isLeaf(made) || isRead.has(made) || isWantedTwice) {
      made = copy(values[index]!)
      copies.push(made)
    }
    placed.set(made, variable)
  }
  return {
    tensors: [...merged, ...copies],
    outputs: new Map(
      Object.entries(definition.outputs ?? {}).map(([name, tensor]) => [name, became.get(tensor)!]),
    ),
    updates: (definition.updates ?? []).map((update) => rewireUpdate(update, became)),
    placed,
  }
}

/** What each of the tensors has become after all rewrites. Equal tensors are one, before and after each of them. */
function rewritten(
  roots: readonly Tensor[],
  rewrites: readonly PlanRewrite[],
  device: Capabilities,
): ReadonlyMap<Tensor, Tensor> {
  const merge = (tensors: readonly Tensor[]) => mergeEqual(collect(tensors))
  let became = roots
  for (const step of [merge, ...rewrites.flatMap(({ apply }) => [apply, merge])]) {
    const next = step(became, device)
    became = became.map((tensor) => next.get(tensor)!)
  }
  return new Map(roots.map((tensor, index) => [tensor, became[index]!]))
}

/** The tensor whose memory a chain of reshapes shows. */
function source(tensor: Tensor): Tensor {
  return tensor.op === reshapeOp ? source(tensor.inputs[0]!) : tensor
}

function bindingOf(variable: ArenaVariable): Memory {
  return {
    buffer: variable.arena.buffer,
    offset: variable.offset * 4,
    size: byteLength(variable.spec),
  }
}
