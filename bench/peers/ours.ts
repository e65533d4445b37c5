import { adam, grad, type Network, overwriteGradients } from '@voxnorm/autograd'
import { followStatistics, type UNet3d } from '@voxnorm/models'
import {
  Arena,
  type ArenaVariable,
  compile,
  f32,
  Runtime,
  read,
  SlotPool,
  type Spec,
  sliceOf,
  type Tensor,
} from '@voxnorm/tensor'
import { ADAM_EPSILON, type Case, LEARNING_RATE } from './cases.ts'
import type { Exchanged, Tensors } from './exchange.ts'
import { operation, shortName, unetGraph, unetNetwork } from './graphs.ts'
import type { Peer, Prepared } from './peer.ts'

/** Our engine, used as an application would. */
export async function open(gpu: GPU): Promise<Peer> {
  const runtime = await Runtime.open(gpu)
  const prepare = ({ op, backward }: Case, tensors: Tensors): Promise<Prepared> => {
    if (op !== 'unet') return prepareOp(runtime, op, tensors)
    return backward ? prepareStep(runtime, tensors) : prepareForward(runtime, tensors)
  }
  return { version: 'this checkout', variants: [''], prepare }
}

/** Inputs and results stay on the device, in arenas, as they do inside a network. */
async function prepareOp(runtime: Runtime, op: Case['op'], tensors: Tensors): Promise<Prepared> {
  const arena = async (name: string, spec: Spec): Promise<Arena> => {
    const made = new Arena(name, [{ name, spec }])
    await made.allocate(runtime)
    return made
  }
  const leaves: Record<string, Tensor> = {}
  const arenas: Arena[] = []
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const inputs = await arena(name, f32(...shape))
    inputs.write(inputs.variables[0]!, values)
    leaves[name] = read(inputs.variables[0]!)
    arenas.push(inputs)
  }
  const assign: [ArenaVariable, Tensor][] = []
  for (const [name, tensor] of Object.entries(operation(leaves, op))) {
    const results = await arena(name, tensor.spec)
    assign.push([results.variables[0]!, tensor])
    arenas.push(results)
  }
  const pool = new SlotPool(runtime)
  const plan = await compile(runtime, { name: op, assign }, { pool })
  return {
    step: async () => {
      await plan.run()
      await runtime.idle()
    },
    outputs: async () => {
      const results: Record<string, Exchanged> = {}
      for (const [variable] of assign) {
        const values = sliceOf(await variable.arena.readAll(), variable)
        results[variable.name] = { shape: variable.spec.shape, values }
      }
      return results
    },
    deviceBytes: () => runtime.allocatedBytes,
    dispose: () => {
      plan.dispose()
      pool.dispose()
      for (const made of arenas) made.dispose()
    },
  }
}

/** The U-Net with memory and the given values, zero where there is none. */
async function loadedNetwork(runtime: Runtime, tensors: Tensors): Promise<Network<UNet3d>> {
  const network = unetNetwork()
  for (const arena of [network.parameterArena, network.statisticsArena]) await arena.allocate(runtime)
  for (const { name, variable } of [...network.trained, ...network.statistics]) {
    const given = tensors[shortName(name)]
    if (given) variable.arena.write(variable, given.values)
  }
  return network
}

async function prepareForward(runtime: Runtime, tensors: Tensors): Promise<Prepared> {
  const network = await loadedNetwork(runtime, tensors)
  const { logits } = unetGraph(network, false)
  const results = new Arena('logits', [{ name: 'logits', spec: logits.spec }])
  await results.allocate(runtime)
  const pool = new SlotPool(runtime)
  const assign = [[results.variables[0]!, logits]] as const
  const plan = await compile(runtime, { name: 'forward', assign }, { pool })
  const x = tensors['x']!.values
  return {
    step: async () => {
      await plan.run({ x })
      await runtime.idle()
    },
    outputs: async () => ({
      y: { shape: logits.shape, values: sliceOf(await results.readAll(), results.variables[0]!) },
    }),
    deviceBytes: () => runtime.allocatedBytes,
    dispose: () => {
      plan.dispose()
      pool.dispose()
      for (const arena of [results, network.parameterArena, network.statisticsArena]) arena.dispose()
    },
  }
}

async function prepareStep(runtime: Runtime, tensors: Tensors): Promise<Prepared> {
  const network = await loadedNetwork(runtime, tensors)
  const { pass, loss } = unetGraph(network, true)
  const optimizer = adam(network.parameterArena, { epsilon: ADAM_EPSILON })
  const state = [optimizer.gradients, ...Object.values(optimizer.state)]
  for (const arena of state) await arena.allocate(runtime)
  const gradients = grad(
    loss,
    network.trained.map(({ tensor }) => tensor),
  )
  const pool = new SlotPool(runtime)
  const definition = {
    name: 'step',
    outputs: { loss },
    assign: overwriteGradients(optimizer, gradients),
    updates: [...followStatistics(pass.norms), optimizer.update],
  }
  const plan = await compile(runtime, definition, { pool })
  const batch = { x: tensors['x']!.values, labels: Uint32Array.from(tensors['labels']!.values) }
  const losses: number[] = []
  const step = async () => {
    const { loss } = await plan.run({ ...batch, ...optimizer.feeds(LEARNING_RATE, losses.length + 1) })
    losses.push(loss![0]!)
  }
  return {
    step,
    outputs: async () => {
      const words = await optimizer.gradients.readAll()
      const results: Record<string, Exchanged> = {}
      network.trained.forEach(({ name, spec }, index) => {
        const values = sliceOf(words, optimizer.gradients.variables[index]!)
        results[`d.${shortName(name)}`] = { shape: spec.shape, values }
      })
      await step()
      for (const count of [1, 2]) {
        results[`loss.${count}`] = { shape: [1], values: Float32Array.of(losses[count - 1]!) }
      }
      return results
    },
    deviceBytes: () => runtime.allocatedBytes,
    dispose: () => {
      plan.dispose()
      pool.dispose()
      for (const arena of [...state, network.parameterArena, network.statisticsArena]) arena.dispose()
    },
  }
}
