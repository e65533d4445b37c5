import {
  addGradients,
  clearGradients,
  grad,
  type LossScale,
  type Network,
  type Optimizer,
  overwriteGradients,
} from '@voxnorm/autograd'
import {
  compile,
  type DispatchTime,
  elements,
  type Feeds,
  inputNames,
  mul,
  type Plan,
  type PlanOptions,
  type PlanSummary,
  type Runtime,
  type Tensor,
  type Update,
} from '@voxnorm/tensor'

/** A network and what moves its weights. */
export interface TrainedNetwork {
  readonly network: Network<object>
  readonly optimizer: Optimizer
}

/** One step of training: a loss over one micro-batch, and whose weights it moves. */
export interface StepDefinition {
  readonly name: string
  /** The mean over the samples, so that the mean over equal parts of a batch is the loss of the batch. */
  readonly loss: Tensor
  /** Scalars, and tensors with one row per sample; they come back from every run. */
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly trained: readonly TrainedNetwork[]
  /** Running statistics that follow the forward passes. */
  readonly statistics: readonly Update[]
  /** For gradients in half precision; the optimizers must know it, too. */
  readonly scale?: LossScale
}

/** Values of one step. Values that its graph has no input for are left out: steps are fed alike. */
export interface StepFeeds {
  /** One block of values per sample, in the order of the samples. */
  readonly batch: Readonly<Record<string, Float32Array | Uint32Array>>
  readonly scalars: Readonly<Record<string, number>>
  /** For the optimizers: see `Optimizer.feeds`. */
  readonly rates: Readonly<Record<string, number>>
}

/** A step made ready for a device. */
export interface GradientStep {
  readonly name: string
  /** Of the whole step, with all parts of the batch. */
  readonly summary: PlanSummary
  /** Submits the step; resolves with its outputs, scalars as means over the parts of the batch. */
  run(feeds: StepFeeds): Promise<Record<string, Float32Array>>
  /** Runs the pass over one micro-batch, dispatch by dispatch, and says how long each took: see `Plan.profile`. */
  profile(feeds: StepFeeds, host?: () => number): Promise<readonly DispatchTime[]>
  dispose(): void
}

/**
 * Compiles a step whose batches come in `parts` equal micro-batches. With one part, everything is one plan. With more,
 * gradients add up over the parts before the optimizers move once; a scalar input called `seed` differs between them.
 */
export async function compileStep(
  runtime: Runtime,
  definition: StepDefinition,
  { parts, ...options }: { readonly parts: number } & Pick<PlanOptions, 'pool' | 'tuned'>,
): Promise<GradientStep> {
  const { name, loss, outputs, trained, statistics, scale } = definition
  const targets = trained.flatMap(({ network }) => network.trained.map(({ tensor }) => tensor))
  const gradients = grad(scale ? mul(loss, scale.factor) : loss, targets)
  const shares = trained.map(({ network, optimizer }) => ({
    optimizer,
    values: gradients.splice(0, network.trained.length),
  }))
  const judgement = scale ? [scale.judge(trained.map(({ optimizer }) => optimizer.gradients))] : []
  const optimizers = [...judgement, ...trained.map(({ optimizer }) => optimizer.update)]
  const wanted = inputNames([loss, ...Object.values(outputs)])

  if (parts === 1) {
    const assign = shares.flatMap(({ optimizer, values }) => overwriteGradients(optimizer, values))
    const updates = [...statistics, ...optimizers]
    const plan = await compile(runtime, { name, outputs, assign, updates }, options)
    return {
      name,
      summary: plan.summary,
      run: ({ batch, scalars, rates }) => plan.run({ ...pick({ ...batch, ...scalars }, wanted), ...rates }),
      profile: ({ batch, scalars, rates }, host) =>
        plan.profile({ ...pick({ ...batch, ...scalars }, wanted), ...rates }, host),
      dispose: () => plan.dispose(),
    }
  }

  const added = shares.flatMap(({ optimizer, values }) => addGradients(optimizer, values, 1 / parts))
  const share = await compile(runtime, { name, outputs, updates: [...statistics, ...added] }, options)
  const cleared = trained.flatMap(({ optimizer }) => clearGradients(optimizer))
  const clear = await compile(runtime, { name: `${name}.clear`, assign: cleared }, options)
  const move = await compile(runtime, { name: `${name}.move`, updates: optimizers }, options)
  const run = async ({ batch, scalars, rates }: StepFeeds): Promise<Record<string, Float32Array>> => {
    // Nothing is awaited before everything is submitted: the device never waits for the host.
    const runs: Promise<Record<string, Float32Array>>[] = [clear.run()]
    for (let part = 0; part < parts; part++) {
      runs.push(share.run(pick(partOf(batch, scalars, part, parts), wanted)))
    }
    runs.push(move.run(rates))
    return combine((await Promise.all(runs)).slice(1, -1), outputs)
  }
  const plans: readonly Plan[] = [clear, share, move]
  const dispose = () => {
    for (const plan of plans) plan.dispose()
  }
  const profile = ({ batch, scalars }: StepFeeds, host?: () => number) =>
    share.profile(pick(partOf(batch, scalars, 0, parts), wanted), host)
  const summary = sumOf([clear, ...Array.from({ length: parts }, () => share), move])
  return { name, summary, run, profile, dispose }
}

/** What plans need that run one after another in the same slots. */
function sumOf(plans: readonly Pick<Plan, 'summary'>[]): PlanSummary {
  const sum = (amount: keyof PlanSummary) => plans.reduce((all, { summary }) => all + summary[amount], 0)
  const largest = (amount: keyof PlanSummary) => Math.max(...plans.map(({ summary }) => summary[amount]))
  return {
    dispatches: sum('dispatches'),
    slotBytes: largest('slotBytes'),
    largestBinding: largest('largestBinding'),
    flops: sum('flops'),
    bytes: sum('bytes'),
  }
}

function partOf(
  batch: StepFeeds['batch'],
  scalars: StepFeeds['scalars'],
  part: number,
  parts: number,
): Feeds {
  const slices = Object.entries(batch).map(([name, values]) => {
    const length = values.length / parts
    return [name, values.subarray(part * length, (part + 1) * length)]
  })
  const { seed } = scalars
  const own = seed === undefined ? {} : { seed: (seed ^ Math.imul(part, 0x9e3779b9)) >>> 0 }
  return { ...Object.fromEntries(slices), ...scalars, ...own }
}

const pick = (feeds: Feeds, wanted: ReadonlySet<string>): Feeds =>
  Object.fromEntries(Object.entries(feeds).filter(([name]) => wanted.has(name)))

function combine(
  results: readonly Record<string, Float32Array>[],
  outputs: StepDefinition['outputs'],
): Record<string, Float32Array> {
  const combined: Record<string, Float32Array> = {}
  for (const [name, { shape }] of Object.entries(outputs)) {
    const values = results.map((result) => result[name]!)
    if (shape.length === 0) {
      combined[name] = Float32Array.of(values.reduce((sum, value) => sum + value[0]! / values.length, 0))
      continue
    }
    const size = elements(shape)
    const rows = new Float32Array(size * values.length)
    for (const [part, value] of values.entries()) rows.set(value, part * size)
    combined[name] = rows
  }
  return combined
}
