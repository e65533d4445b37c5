import { adam, LOSS_SCALE_START, type LossScale, lossScale, type Optimizer } from '@voxnorm/autograd'
import { ConfigError } from '@voxnorm/data'
import {
  type Arena,
  DeviceError,
  type DispatchTime,
  largestBytes,
  type PlanSummary,
  type Runtime,
  SlotPool,
  type Tensor,
  type TunedKernels,
  tensorRoom,
} from '@voxnorm/tensor'
import { discriminatorDefinition, type StepSetup, systemDefinition, warmupDefinition } from './algorithm1.ts'
import type { Precision } from './config.ts'
import { compileStep, type GradientStep, type StepDefinition, type TrainedNetwork } from './gradient-step.ts'
import { NETWORK_NAMES, type NetworkName, type Networks } from './networks.ts'

/** What a trainer is made for. */
export interface TrainerOptions extends StepSetup {
  /** `batch` is split into micro-batches of this size; `auto` takes the largest that the device can hold. */
  readonly microBatch: number | 'auto'
  readonly precision?: Precision
  /** L2 decay, added to the gradient of every weight. */
  readonly weightDecay: number
  /** Adds the warm-up step. */
  readonly warmup: boolean
  /** Chooses kernels for the tensors of the steps by measurement; without it their rules do. */
  readonly tune?: TuneKernels | undefined
}

/** Measures how to compute tensors; nothing else is on the device meanwhile but weights, gradients and moments. */
export type TuneKernels = (tensors: readonly Tensor[]) => Promise<TunedKernels>

/** A batch of patches. Without augmentation `clean` is the same array as `patches`. */
export interface PatchBatch {
  /** `[N, P, P, P, C]`, what G sees. */
  readonly patches: Float32Array
  /** What the real branch of D sees. */
  readonly clean: Float32Array
  /** `[N, P, P, P]`, internal classes. */
  readonly labels: Uint32Array
  /** `[N]`, domain numbers. */
  readonly sites: Uint32Array
  /** For a generator that sees volumes: see `viewFeeds`. */
  readonly cells?: Float32Array
  readonly origins?: Float32Array
}

/** What moves from step to step besides the weights. */
export interface StepScalars {
  readonly lambda: number
  /** For dropout; another one for every step. */
  readonly seed: number
  readonly rates: Readonly<Record<NetworkName, number>>
  /** Optimizer steps so far, this one included. */
  readonly steps: Readonly<Record<NetworkName, number>>
}

/** Algorithm 1 made ready for a device: the networks, their optimizers and the compiled steps. */
export interface Trainer {
  readonly networks: Networks
  readonly optimizers: Readonly<Partial<Record<NetworkName, Optimizer>>>
  /** In mixed precision, one for each loss: that of G and S, and that of D. */
  readonly lossScales: readonly LossScale[]
  readonly microBatch: number
  /** The measured choices, which other plans of the same training may go by too. */
  readonly tuned: TunedKernels | undefined
  /** Memory that the plans share; other plans of the same training may use it too. */
  readonly pool: SlotPool
  readonly plans: readonly { readonly name: string; readonly summary: PlanSummary }[]
  /** Outputs: `real`, `fake` (losses), `realLogits`, `fakeLogits`. Only with a discriminator. */
  discriminatorStep(batch: PatchBatch, scalars: StepScalars): Promise<Record<string, Float32Array>>
  /** Outputs: `segmentation`, `total`, and with a discriminator `adversarial`. */
  systemStep(batch: PatchBatch, scalars: StepScalars): Promise<Record<string, Float32Array>>
  /** Outputs: `segmentation`, `identity`. Only with `warmup`. Looks at the clean patches. */
  warmupStep(batch: PatchBatch, scalars: StepScalars): Promise<Record<string, Float32Array>>
  /** Times every dispatch of the system step and, where there is one, of the discriminator's: see `Plan.profile`. */
  profile(
    batch: PatchBatch,
    scalars: StepScalars,
    host?: () => number,
  ): Promise<Readonly<Record<string, readonly DispatchTime[]>>>
  /** Frees plans and optimizers; the networks stay. */
  dispose(): void
}

/**
 * Compiles the steps. The networks must have memory. Throws ConfigError for a micro-batch that does not divide the
 * batch, DeviceError when not even a single patch fits the device, PlanError for mixed precision on a device that stores
 * no halves.
 */
export async function createTrainer(runtime: Runtime, given: TrainerOptions): Promise<Trainer> {
  const { networks } = given
  const mixed = given.precision === 'mixed'
  const options = mixed ? { ...given, config: { ...given.config, activations: 'f16' as const } } : given
  const scales: Scales = mixed ? await startScales(runtime, networks) : {}
  const trained: Partial<Record<NetworkName, TrainedNetwork>> = {}
  for (const name of NETWORK_NAMES) {
    const network = networks[name]
    if (!network) continue
    const scale = DISCRIMINATOR.includes(name) ? scales.discriminator : scales.system
    const optimizer = adam(network.parameterArena, { decay: options.weightDecay }, scale)
    for (const arena of arenasOf(optimizer)) await arena.allocate(runtime)
    trained[name] = { network, optimizer }
  }

  const { steps, microBatch, pool, tuned } = await compileSteps(runtime, options, trained, scales)
  const feedsOf = (step: GradientStep, batch: PatchBatch, scalars: StepScalars, patches: Float32Array) => {
    const moved = (step === steps.discriminator ? DISCRIMINATOR : SYSTEM).filter((name) => trained[name])
    const rates = moved.map((name) =>
      trained[name]!.optimizer.feeds(scalars.rates[name], scalars.steps[name]),
    )
    return {
      batch: { ...batch, patches },
      scalars: { lambda: scalars.lambda, seed: scalars.seed },
      rates: Object.assign({}, ...rates),
    }
  }
  const run = (step: GradientStep, ...feeds: [PatchBatch, StepScalars, Float32Array]) =>
    step.run(feedsOf(step, ...feeds))
  const compiled = Object.values(steps)
  const optimizers = Object.entries(trained).map(([name, { optimizer }]) => [name, optimizer] as const)
  return {
    networks,
    optimizers: Object.fromEntries(optimizers),
    lossScales: Object.values(scales),
    microBatch,
    tuned,
    pool,
    plans: compiled.map(({ name, summary }) => ({ name, summary })),
    discriminatorStep: (batch, scalars) => run(steps.discriminator!, batch, scalars, batch.patches),
    systemStep: (batch, scalars) => run(steps.system, batch, scalars, batch.patches),
    warmupStep: (batch, scalars) => run(steps.warmup!, batch, scalars, batch.clean),
    profile: async (batch, scalars, host) => {
      const rows: Record<string, readonly DispatchTime[]> = {}
      for (const step of [steps.discriminator, steps.system]) {
        if (step) rows[step.name] = await step.profile(feedsOf(step, batch, scalars, batch.patches), host)
      }
      return rows
    },
    dispose: () => {
      for (const step of compiled) step.dispose()
      pool.dispose()
      for (const { state } of Object.values(scales)) state.dispose()
      for (const arena of optimizers.flatMap(([, optimizer]) => arenasOf(optimizer))) arena.dispose()
    },
  }
}

const DISCRIMINATOR: readonly NetworkName[] = ['discriminator']
const SYSTEM: readonly NetworkName[] = ['generator', 'segmenter']

const arenasOf = ({ gradients, state }: Optimizer): Arena[] => [gradients, ...Object.values(state)]

/** One for each loss that is differentiated; G and S learn from the same. */
interface Scales {
  readonly system?: LossScale
  readonly discriminator?: LossScale
}

async function startScales(runtime: Runtime, networks: Networks): Promise<Scales> {
  const names = networks.discriminator ? (['system', 'discriminator'] as const) : (['system'] as const)
  const scales: Partial<Record<keyof Scales, LossScale>> = {}
  for (const name of names) {
    const scale = lossScale(name)
    await scale.state.allocate(runtime)
    scale.state.write(scale.state.variables[0]!, LOSS_SCALE_START)
    scales[name] = scale
  }
  return scales
}

type StepName = 'system' | 'discriminator' | 'warmup'
type PerStep<T> = { readonly system: T } & { readonly [Name in Exclude<StepName, 'system'>]?: T }

/**
 * Takes the largest micro-batch that the device can hold, or the one that is asked for. Kernels are tuned for that one
 * alone, after everything was compiled once by the rules: it takes minutes, and needs the memory of the plans.
 */
async function compileSteps(
  runtime: Runtime,
  options: TrainerOptions,
  trained: Partial<Record<NetworkName, TrainedNetwork>>,
  scales: Scales,
): Promise<{
  steps: PerStep<GradientStep>
  microBatch: number
  pool: SlotPool
  tuned: TunedKernels | undefined
}> {
  const room = tensorRoom(runtime)
  for (const microBatch of candidates(options)) {
    const last = microBatch === 1 || options.microBatch !== 'auto'
    const definitions = defineSteps({ ...options, batch: microBatch }, trained, scales)
    const roots = Object.values(definitions).flatMap(({ loss, outputs }) => [loss, ...Object.values(outputs)])
    if (!last && largestBytes(roots) > room) continue
    const pool = new SlotPool(runtime)
    const parts = options.batch / microBatch
    try {
      const tuned = options.tune && (await tuneSteps(runtime, definitions, { parts, pool }, options.tune))
      const steps = await compileAll(runtime, definitions, { parts, pool, tuned })
      return { steps, microBatch, pool, tuned }
    } catch (error) {
      pool.dispose()
      if (last || !(error instanceof DeviceError && error.kind === 'out-of-memory')) throw error
    }
  }
  throw new RangeError('A batch needs at least one patch.')
}

type StepOptions = Parameters<typeof compileStep>[2]

async function compileAll(
  runtime: Runtime,
  definitions: PerStep<StepDefinition>,
  options: StepOptions,
): Promise<PerStep<GradientStep>> {
  const steps: Partial<Record<StepName, GradientStep>> = {}
  try {
    for (const [name, definition] of Object.entries(definitions) as [StepName, StepDefinition][]) {
      steps[name] = await compileStep(runtime, definition, options)
    }
    return steps as PerStep<GradientStep>
  } catch (error) {
    for (const step of Object.values(steps)) step.dispose()
    throw error
  }
}

/** Compiles the steps once, to see that they fit and which tensors they have, frees them and has kernels measured. */
async function tuneSteps(
  runtime: Runtime,
  definitions: PerStep<StepDefinition>,
  options: StepOptions & { readonly pool: SlotPool },
  tune: TuneKernels,
): Promise<TunedKernels> {
  const met: Tensor[] = []
  const meet = (tensor: Tensor) => {
    met.push(tensor)
    return undefined
  }
  const steps = await compileAll(runtime, definitions, { ...options, tuned: meet })
  for (const step of Object.values(steps)) step.dispose()
  options.pool.dispose()
  return tune(met)
}

/** Micro-batches to try, largest first. */
function candidates({ batch, microBatch }: TrainerOptions): number[] {
  const divisors = Array.from({ length: batch }, (_, index) => batch - index).filter(
    (size) => batch % size === 0,
  )
  if (microBatch === 'auto') return divisors
  if (divisors.includes(microBatch)) return [microBatch]
  throw new ConfigError(
    `train.microBatch is ${microBatch}, but a batch of ${batch} does not divide into those.`,
    {
      fix: `use auto or one of ${divisors.join(', ')}`,
    },
  )
}

function defineSteps(
  setup: TrainerOptions,
  trained: Partial<Record<NetworkName, TrainedNetwork>>,
  { system, discriminator }: Scales,
): PerStep<StepDefinition> {
  const moving = (names: readonly NetworkName[]) => names.flatMap((name) => trained[name] ?? [])
  return {
    system: { ...systemDefinition(setup, moving(SYSTEM)), scale: system },
    ...(setup.networks.discriminator && {
      discriminator: { ...discriminatorDefinition(setup, moving(DISCRIMINATOR)), scale: discriminator },
    }),
    ...(setup.warmup &&
      setup.networks.generator && { warmup: { ...warmupDefinition(setup, moving(SYSTEM)), scale: system } }),
  }
}
