import { PlanError } from '../errors.ts'
import { isLeaf } from '../graph/rewrite.ts'
import { byteLength, describeSpec, type Spec } from '../graph/spec.ts'
import {
  type ConstantParams,
  constantOp,
  type InputParams,
  inputOp,
  type Tensor,
  type Update,
  variableOf,
} from '../graph/tensor.ts'
import type { Program, Slot } from '../op.ts'
import { reshapeOp } from '../ops/reshape/op.ts'
import type { Capabilities } from '../runtime/capabilities.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { ArenaVariable } from './arena.ts'
import { chooseKernel, type KernelChoice, type TunedKernels } from './choose.ts'
import type { PlanRewrite } from './fuse.ts'
import { type Guard, PlainMemory, type PlanMemory } from './guard.ts'
import { type Lifetime, layOut, SlotPool } from './memory.ts'
import { normalize, type PlanDefinition, type PlanGraph, source } from './normalize.ts'
import {
  elementsOf,
  type InputPlace,
  type OutputPlace,
  type OutputValues,
  Plan,
  type PlanSummary,
  SCALAR_CELL_WORDS,
} from './plan.ts'
import { type Memory, type Operand, StepBuilder } from './step.ts'

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

/**
 * Makes a plan. Throws PlanError when no kernel fits, KernelError when one does not compile. `Values` is the type of its
 * outputs: Float32Array unless the caller says that some or all of them are u32 tensors, which come as Uint32Array.
 */
export async function compile<Values extends OutputValues = Float32Array>(
  runtime: Runtime,
  definition: PlanDefinition,
  options: PlanOptions = {},
): Promise<Plan<Values>> {
  const { name } = definition
  const { pool = new SlotPool(runtime), guard } = options
  const graph = normalize(definition, runtime.capabilities, options.rewrites)
  const computations = choose(graph, runtime.capabilities, name, options)
  requireHalves(graph.tensors, runtime.capabilities, name)
  const lives = livesOf(graph, computations)
  const memory = guard ? guard.memory(runtime, lives.all) : new PlainMemory(layOut(lives.all))
  await memory.claim(pool)
  const leaves = await placeLeaves(runtime, graph, name, guard)
  const places: Places = { graph, lives, memory, leaves }
  const { steps, uniforms, largestBinding } = await bind(runtime, computations, places)
  return new Plan<Values>(runtime, {
    name,
    steps,
    inputs: leaves.inputs,
    outputs: placeOutputs(places),
    scalars: leaves.scalars,
    owned: [...leaves.owned, uniforms],
    summary: { dispatches: steps.length, slotBytes: memory.bytes, largestBinding, ...workOf(computations) },
  })
}

/** A node or an update, and the program that computes it. */
interface Computation {
  /** What the profiler calls it: op and label. */
  readonly name: string
  readonly inputs: readonly Tensor[]
  /** What it makes; an update makes nothing. */
  readonly output?: Tensor
  readonly program: Program
  readonly flops: number
  /** Operands that it reads and results that it writes. */
  readonly moved: readonly Spec[]
}

const specsOf = (tensors: readonly Tensor[]): Spec[] => tensors.map(({ spec }) => spec)

/** Chooses a kernel for every node that needs one. Updates come last, in their order. */
function choose(
  { tensors, updates }: PlanGraph,
  device: Capabilities,
  plan: string,
  { kernels, tuned }: PlanOptions,
): Computation[] {
  const computed = tensors.filter((tensor) => !isLeaf(tensor) && tensor.op !== reshapeOp && !tensor.op.aside)
  return [
    ...computed.map((tensor): Computation => {
      const { op, inputs, params, spec, label } = tensor
      const best = tuned?.(tensor)
      const choice = { ...(best !== undefined && { [op.name]: best }), ...kernels }
      const kernel = chooseKernel(tensor, device, choice, plan)
      const operands = specsOf(inputs)
      return {
        name: label ? `${op.name} ${label}` : op.name,
        inputs,
        output: tensor,
        program: kernel.program(operands, spec, params, device),
        flops: kernel.cost?.(operands, spec, params) ?? 0,
        moved: [...operands, spec],
      }
    }),
    ...updates.map(({ op, inputs, params }: Update): Computation => {
      const operands = specsOf(inputs)
      const overwritten = op.updates.map((index) => operands[index]!)
      return {
        name: op.name,
        inputs,
        program: op.program(operands, params),
        flops: 0,
        moved: [...operands, ...overwritten],
      }
    }),
  ]
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

/** The lives of everything that needs memory only while a plan runs. */
interface Lives {
  readonly all: readonly Lifetime[]
  /** Index of the life of a result. */
  readonly ofResult: ReadonlyMap<Tensor, number>
  /** Index of the life of a computation's first scratch buffer. */
  readonly ofScratch: ReadonlyMap<Computation, number>
  /** Results that lie aside, by the node whose program fills them. */
  readonly asides: ReadonlyMap<Tensor, Tensor>
}

/** A result lives from the step that makes it to the last step that reads it; scratch lives for one step. */
function livesOf({ tensors, outputs, placed }: PlanGraph, computations: readonly Computation[]): Lives {
  const madeIn = new Map(computations.map(({ output }, step) => [output, step]))
  const lastUse = new Map<Tensor, number>()
  for (const [step, { inputs }] of computations.entries()) {
    for (const input of inputs) lastUse.set(source(input), step)
  }
  for (const tensor of outputs.values()) lastUse.set(source(tensor), computations.length)

  const asides = new Map(tensors.filter(({ op }) => op.aside).map((tensor) => [tensor.inputs[0]!, tensor]))
  const results = computations.flatMap(({ output }) => (output && !placed.has(output) ? [output] : []))
  const all: Lifetime[] = []
  const ofResult = new Map<Tensor, number>()
  for (const tensor of [...results, ...asides.values()]) {
    const first = madeIn.get(tensor.op.aside ? tensor.inputs[0]! : tensor)!
    ofResult.set(tensor, all.length)
    all.push({ words: byteLength(tensor.spec) / 4, first, last: lastUse.get(tensor) ?? first })
  }
  const ofScratch = new Map<Computation, number>()
  for (const [step, computation] of computations.entries()) {
    ofScratch.set(computation, all.length)
    for (const words of computation.program.scratch ?? []) all.push({ words, first: step, last: step })
  }
  return { all, ofResult, ofScratch, asides }
}

/** Where the values lie that no computation makes. */
interface Leaves {
  readonly places: ReadonlyMap<Tensor, Memory>
  readonly inputs: ReadonlyMap<string, InputPlace>
  readonly scalars: { readonly buffer: GPUBuffer; readonly words: Uint32Array<ArrayBuffer> }
  /** Memory for bindings that a kernel leaves alone. */
  readonly unused: Memory
  /** Buffers that are freed with the plan. */
  readonly owned: readonly GPUBuffer[]
}

/** Enough for one element of any binding. */
const UNUSED_BYTES = 16

/** Inputs and constants get buffers of their own, scalars share one, variables have their arena. */
async function placeLeaves(
  runtime: Runtime,
  { tensors }: PlanGraph,
  plan: string,
  guard: Guard | undefined,
): Promise<Leaves> {
  const owned: GPUBuffer[] = []
  const own = async (size: number, label: string): Promise<Memory> => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const buffer = await runtime.buffer(size, usage, label)
    owned.push(buffer)
    return { buffer, offset: 0, size }
  }
  const unused = await own(UNUSED_BYTES, 'unused')
  const isScalarInput = ({ op, shape }: Tensor) => op === inputOp && shape.length === 0
  const scalarCount = tensors.filter(isScalarInput).length
  const words = new Uint32Array(Math.max(1, scalarCount) * SCALAR_CELL_WORDS)
  const { buffer: scalars } = await own(words.byteLength, 'scalars')
  const places = new Map<Tensor, Memory>()
  const inputs = new Map<string, InputPlace>()
  let cells = 0
  for (const tensor of tensors) {
    const bytes = byteLength(tensor.spec)
    if (tensor.op === constantOp) {
      const { values, spec } = tensor.params as ConstantParams
      const place = await own(bytes, 'constant')
      runtime.device.queue.writeBuffer(place.buffer, 0, elementsOf(spec, values))
      places.set(tensor, place)
    } else if (tensor.op === inputOp) {
      const { name, spec } = tensor.params as InputParams
      if (inputs.has(name)) throw new PlanError(plan, `two different inputs are called "${name}"`)
      if (isScalarInput(tensor)) {
        const cell = cells++
        inputs.set(name, { spec, cell })
        places.set(tensor, { buffer: scalars, offset: cell * SCALAR_CELL_WORDS * 4, size: 4 })
      } else {
        const place = await own(bytes, name)
        inputs.set(name, { spec, buffer: place.buffer })
        places.set(tensor, place)
      }
    } else {
      const variable = variableOf(tensor) as ArenaVariable | undefined
      const binding = variable && bindingOf(variable)
      if (binding) places.set(tensor, guard?.extended(binding) ?? binding)
    }
  }
  return { places, inputs, scalars: { buffer: scalars, words }, unused, owned }
}

/** Where every value of a plan lies. */
interface Places {
  readonly graph: PlanGraph
  readonly lives: Lives
  readonly memory: PlanMemory
  readonly leaves: Leaves
}

function placeOf(tensor: Tensor, { graph, lives, memory, leaves }: Places): Memory {
  const origin = source(tensor)
  const variable = graph.placed.get(origin)
  return (
    leaves.places.get(origin) ??
    (variable ? bindingOf(variable) : memory.binding(lives.ofResult.get(origin)!))
  )
}

/** What is bound where a program has a slot. */
function operandAt(slot: Slot, computation: Computation, places: Places): Operand {
  const { lives, memory, leaves } = places
  const { inputs, output } = computation
  if (slot === 'unused') return { memory: leaves.unused, dtype: 'f32' }
  const index = Number.parseInt(slot.replace(/\D+/, ''), 10)
  const results: Partial<Record<Slot, Tensor | undefined>> = { output, aside: lives.asides.get(output!) }
  const tensor = slot.startsWith('input') ? inputs[index] : results[slot]
  if (tensor) return { memory: placeOf(tensor, places), dtype: tensor.spec.dtype }
  return { memory: memory.binding(lives.ofScratch.get(computation)! + index), dtype: 'f32' }
}

/** Compiles all pipelines and binds the memory that their programs ask for. */
async function bind(runtime: Runtime, computations: readonly Computation[], places: Places) {
  const builder = new StepBuilder(runtime)
  let largestBinding = 0
  for (const computation of computations) {
    builder.add(computation.name, computation.program, (slot) => {
      const operand = operandAt(slot, computation, places)
      if (slot !== 'unused') largestBinding = Math.max(largestBinding, operand.memory.size)
      return operand
    })
  }
  return { ...(await builder.build()), largestBinding }
}

/** Outputs lie behind one another in the buffer that is read back. */
function placeOutputs(places: Places): ReadonlyMap<string, OutputPlace> {
  const outputs = new Map<string, OutputPlace>()
  let offset = 0
  for (const [name, tensor] of places.graph.outputs) {
    const size = byteLength(tensor.spec)
    outputs.set(name, { spec: tensor.spec, source: { ...placeOf(tensor, places), size }, offset })
    offset += size
  }
  return outputs
}

function workOf(computations: readonly Computation[]): Pick<PlanSummary, 'flops' | 'bytes'> {
  const bytesOf = (specs: readonly Spec[]) => specs.reduce((sum, spec) => sum + byteLength(spec), 0)
  return {
    flops: computations.reduce((sum, { flops }) => sum + flops, 0),
    bytes: computations.reduce((sum, { moved }) => sum + bytesOf(moved), 0),
  }
}

function bindingOf(variable: ArenaVariable): Memory {
  return {
    buffer: variable.arena.buffer,
    offset: variable.offset * 4,
    size: byteLength(variable.spec),
  }
}
