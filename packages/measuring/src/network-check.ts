import {
  generate,
  listNetworks,
  type ModelConfig,
  type Networks,
  segment,
  systemGraph,
  viewGeometry,
} from '@voxnorm/models'
import type { Config } from '@voxnorm/pipeline/training'
import {
  compile,
  execute,
  f32,
  input,
  KernelError,
  type Runtime,
  SlotPool,
  sliceOf,
  type Variable,
} from '@voxnorm/tensor'
import { compare } from '@voxnorm/tensor/tuning'
import {
  headView,
  type OpenNetworks,
  openNetworks,
  randomBatch,
  scalarsOf,
  trainerOf,
} from './random-training.ts'

/** How far a whole run was from float64, and what was compared at what size. */
export interface NetworkCheck {
  readonly error: number
  readonly checked: string
}

// Rounding grows through forty layers and divisions by small variances; a wrong kernel is off by far more.
const TOLERANCE = 1e-3

/**
 * Compares the losses of a step of G and S with float64, for networks of the config's kind, as small as float64 is done
 * with in about a second. Throws KernelError when they differ by more than rounding.
 */
export function checkStep(runtime: Runtime, config: Config): Promise<NetworkCheck> {
  return withSmallNetworks(runtime, config, async ({ model, networks }, small, size) => {
    const { batch } = small.train
    const patches = randomBatch(model, batch, small.seed)
    const { loss } = small
    const activations = small.train.precision === 'mixed' ? 'f16' : 'f32'
    const graph = systemGraph({
      networks,
      config: { ...model, activations },
      loss,
      batch,
      views: headView(model),
      augmented: false,
    })
    const names = graph.adversarial ? (['segmentation', 'adversarial'] as const) : (['segmentation'] as const)
    const scalars = scalarsOf(small, 1)
    const truth = execute(
      names.map((name) => graph[name]!),
      {
        inputs: { ...patches, lambda: scalars.lambda, seed: scalars.seed },
        variables: await variablesOf(networks),
      },
    )
    const trainer = await trainerOf(runtime, networks, model, small)
    const got = await trainer.systemStep(patches, scalars)
    trainer.dispose()
    const error = Math.max(...names.map((name, index) => Math.abs(got[name]![0]! / truth[index]![0]! - 1)))
    // Written so that NaN fails.
    if (!(error <= TOLERANCE)) {
      throw new KernelError(`of a whole step (${size})`, 'gives other losses than float64', {
        operands: names.map((name, index) => `${name}: ${got[name]![0]}, should be ${truth[index]![0]}`),
        fix: 'voxnorm bench conv3d, norm and pool check the kernels one by one',
      })
    }
    return { error, checked: `${size}, losses` }
  })
}

/** The same for the probabilities and images of a prediction. */
export function checkPrediction(runtime: Runtime, config: Config): Promise<NetworkCheck> {
  return withSmallNetworks(runtime, config, async ({ model, networks }, small, size) => {
    const { batch } = small.train
    const { patches } = randomBatch(model, batch, small.seed)
    const { patch } = model
    const x = input('patches', f32(batch, patch, patch, patch, model.modalities.length))
    const { probabilities } = segment(networks, model, imageOf(networks, model, x), 'evaluation')
    const [truth] = execute([probabilities], {
      inputs: { patches },
      variables: await variablesOf(networks),
    })
    const pool = new SlotPool(runtime)
    const plan = await compile(runtime, { name: 'checked prediction', outputs: { probabilities } }, { pool })
    const { probabilities: got } = await plan.run({ patches })
    plan.dispose()
    pool.dispose()
    const error = compare(`of a whole prediction (${size})`, got!, truth!, TOLERANCE)
    return { error, checked: `${size}, probabilities` }
  })
}

/** What S gets in a window: a generator that sees volumes has done its work before. */
const imageOf = (networks: Networks, model: ModelConfig, x: ReturnType<typeof input>) =>
  networks.generator && !viewGeometry(model) ? generate(networks, model, x, 'evaluation').image : x

async function withSmallNetworks(
  runtime: Runtime,
  config: Config,
  check: (open: OpenNetworks, small: Config, size: string) => Promise<NetworkCheck>,
): Promise<NetworkCheck> {
  const { data, model, train } = config
  const small: Config = {
    ...config,
    data: { ...data, patch: Math.min(16, data.patch) },
    model: {
      ...model,
      base: Math.min(4, model.base),
      discriminator: { ...model.discriminator, base: Math.min(4, model.discriminator.base) },
    },
    train: { ...train, batch: 2, microBatch: 2 },
  }
  const open = await openNetworks(runtime, small)
  try {
    return await check(open, small, `base ${small.model.base}, 2 patches of ${small.data.patch}³`)
  } finally {
    open.dispose()
  }
}

/** All weights and running statistics, for the float64 reference. */
async function variablesOf(networks: Networks): Promise<Map<Variable, Float32Array>> {
  const values = new Map<Variable, Float32Array>()
  for (const { parameterArena, statisticsArena } of listNetworks(networks)) {
    for (const arena of [parameterArena, statisticsArena]) {
      const words = await arena.readAll()
      for (const variable of arena.variables) values.set(variable, sliceOf(words, variable))
    }
  }
  return values
}
