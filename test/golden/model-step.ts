import { type BoundParameter, grad, toFile } from '@voxnorm/autograd'
import {
  discriminatorGraph,
  disposeNetworks,
  followStatistics,
  generate,
  listNetworks,
  readNetworks,
  type StepSetup,
  segment,
  systemGraph,
} from '@voxnorm/models'
import { compile, input, type Tensor, type Update } from '@voxnorm/tensor'
import type { CaseContext, CaseRunners } from './case-runner.ts'
import { type Comparison, compareTensor } from './compare.ts'
import { feedsOf } from './feeds.ts'
import { engineShape, type TensorReference, toGolden } from './manifest.ts'
import { lossOf, type NetworkCase, openNetworks, readPool } from './networks.ts'

interface ModelStepCase extends NetworkCase {
  /** Patches of the pool that are the batch. */
  readonly indices: readonly number[]
  readonly outputs: Readonly<Record<string, TensorReference>>
  readonly grads: Readonly<Record<string, TensorReference>>
}

/** Outputs of that name are running statistics after the step. */
const AFTER = 'after.'

/** One forward pass of all networks in training and in evaluation mode, the losses and their gradients, as one plan. */
async function runModelStep(item: ModelStepCase, context: CaseContext): Promise<Comparison[]> {
  const { folder, runtime } = context
  const { config, networks } = await openNetworks(item, context)
  const loss = lossOf(item)
  const graph = buildGraph(
    { networks, config, loss, batch: item.indices.length, augmented: false },
    engineShape('channels', [item.indices.length, ...item.inputs.x.shape.slice(1)]),
  )
  const parameters = new Map<string, BoundParameter>(
    listNetworks(networks).flatMap(({ trained }) => trained.map((one) => [one.name, one])),
  )
  const forward = Object.keys(item.outputs).filter((name) => !name.startsWith(AFTER))
  const missing = [
    ...forward.filter((name) => !graph.outputs[name]),
    ...Object.keys(item.grads).filter((name) => !parameters.has(name)),
  ]
  if (missing.length > 0) throw new TypeError(`nothing computes ${missing.join(', ')}`)
  const outputs = {
    ...Object.fromEntries(forward.map((name) => [name, graph.outputs[name]!])),
    ...gradientsOf(graph, parameters, Object.keys(item.grads)),
  }
  const plan = await compile(runtime, { name: item.id, outputs, updates: graph.updates })
  const graphs = [...Object.values(outputs), ...graph.updates.flatMap(({ inputs }) => inputs)]
  const batch = readPool(item, folder).batch(item.indices)
  const got = await plan.run(feedsOf(graphs, { ...batch, lambda: loss.lambda, seed: 0 }))
  const after = await readNetworks(networks)
  plan.dispose()
  disposeNetworks(networks)

  const computed = (name: string, { shape }: TensorReference): Float32Array => {
    if (!name.startsWith(AFTER)) return toGolden('channels', shape, got[name]!)
    const tensor = after.get(name.slice(AFTER.length))
    if (!tensor) throw new TypeError(`there is no ${name}`)
    return tensor.values as Float32Array
  }
  return [
    ...Object.entries(item.outputs).flatMap(([name, reference]) =>
      compareTensor(folder, item, name, computed(name, reference), reference),
    ),
    ...Object.entries(item.grads).flatMap(([name, reference]) => {
      const values = toFile(got[gradientOf(name)]!, parameters.get(name)!.layout)
      return compareTensor(folder, item, gradientOf(name), values, reference)
    }),
  ]
}

interface Graph {
  /** All tensors that a case may ask for, by their golden names. */
  readonly outputs: Readonly<Record<string, Tensor>>
  /** Loss of G and S, and that of D. */
  readonly systemLoss: Tensor
  readonly discriminatorLoss: Tensor
  readonly updates: readonly Update[]
}

/** The graphs of Algorithm 1's two steps, and the networks in evaluation mode. */
function buildGraph(setup: StepSetup, shape: readonly number[]): Graph {
  const { networks, config } = setup
  const system = systemGraph(setup)
  const discriminator = discriminatorGraph(setup)
  const generated = system.generated!
  const evaluated = generate(networks, config, input('patches', { shape, dtype: 'f32' }), 'evaluation').image
  const blocks = (network: string, tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`block.${network}.${name}`, tensor]))
  return {
    outputs: {
      xhat: generated.image,
      seg_logits: system.segmented.output,
      probs: system.segmented.probabilities,
      sg_d_logits: system.fakeLogits!,
      d_logits_real: discriminator.realLogits,
      d_logits_fake: discriminator.fakeLogits,
      seg_loss: system.segmentation,
      adv_loss: system.adversarial!,
      total_loss: system.total,
      d_loss_real: discriminator.real,
      d_loss_fake: discriminator.fake,
      eval_xhat: evaluated,
      eval_probs: segment(networks, config, evaluated, 'evaluation').probabilities,
      ...blocks('generator', generated.blocks),
      ...blocks('segmenter', system.segmented.blocks),
    },
    systemLoss: system.total,
    discriminatorLoss: discriminator.loss,
    updates: followStatistics(system.norms),
  }
}

const gradientOf = (name: string): string => `gradient ${name}`

/** Gradients by name: the discriminator's are of its own loss, all others of the system's. */
function gradientsOf(
  { systemLoss, discriminatorLoss }: Graph,
  parameters: ReadonlyMap<string, BoundParameter>,
  names: readonly string[],
): Record<string, Tensor> {
  const gradients = (loss: Tensor, wanted: readonly string[]) => {
    const targets = wanted.map((name) => parameters.get(name)!.tensor)
    return grad(loss, targets).map((tensor, index) => [gradientOf(wanted[index]!), tensor] as const)
  }
  const isOfDiscriminator = (name: string) => name.startsWith('discriminator.')
  return Object.fromEntries([
    ...gradients(
      systemLoss,
      names.filter((name) => !isOfDiscriminator(name)),
    ),
    ...gradients(discriminatorLoss, names.filter(isOfDiscriminator)),
  ])
}

/** Networks, losses and gradients, on the device. */
export const modelStepRunners: CaseRunners = {
  model_step: (item, context) => runModelStep(item as ModelStepCase, context),
}
