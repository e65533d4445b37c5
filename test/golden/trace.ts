import type { StoredTensor } from '@voxnorm/autograd'
import { sortedQuantile } from '@voxnorm/data'
import { createTrainer, disposeNetworks, readNetworks, type Trainer } from '@voxnorm/models'
import type { CaseContext, CaseRunners } from './case-runner.ts'
import { type Comparison, compareNumber } from './compare.ts'
import type { GoldenFolder, TensorReference } from './manifest.ts'
import { lossOf, type NetworkCase, openNetworks, readPool } from './networks.ts'

interface DiscriminatorLosses {
  readonly d_real: number
  readonly d_fake: number
  readonly d_loss: number
}

interface SystemLosses {
  readonly seg: number
  readonly adv: number
  readonly total: number
}

/** Weights and running statistics after an iteration. */
interface Moment {
  readonly iteration: number
  /** Allowed percentiles of the errors, by group of tensors: `generator.weights`, `segmenter.running_stats` … */
  readonly tol: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly tensors: Readonly<Record<string, TensorReference>>
}

interface TraceCase extends NetworkCase {
  /** Patches of the pool for every iteration's steps. */
  readonly plan: readonly {
    readonly d_batches: readonly (readonly number[])[]
    readonly sg_batch: readonly number[]
  }[]
  /** Losses before every step. */
  readonly iterations: readonly (SystemLosses & { readonly d_steps: readonly DiscriminatorLosses[] })[]
  /** Allowed errors of the losses, per iteration. */
  readonly loss_tol: Readonly<Record<keyof SystemLosses | keyof DiscriminatorLosses, readonly number[]>>
  readonly after_first?: Moment
  readonly after_last?: Moment
}

/** Some iterations of Algorithm 1: every loss on the way, and what has become of the networks. */
async function runTrace(item: TraceCase, context: CaseContext): Promise<Comparison[]> {
  const { networks, config } = await openNetworks(item, context)
  const { weight_decay: weightDecay = 1e-3, d_step_bn } = item.trainer
  const batch = item.plan[0]!.sg_batch.length
  const trainer = await createTrainer(context.runtime, {
    networks,
    config,
    loss: lossOf(item),
    batch,
    microBatch: batch,
    augmented: false,
    warmup: false,
    weightDecay,
    frozenStatistics: d_step_bn === 'frozen',
  })
  const comparisons: Comparison[] = []
  const steps = { generator: 0, segmenter: 0, discriminator: 0 }
  for (const iteration of item.plan.keys()) {
    comparisons.push(...(await runIteration(item, context.folder, trainer, iteration, steps)))
    for (const [name, moment] of Object.entries({
      after_first: item.after_first,
      after_last: item.after_last,
    })) {
      if (moment?.iteration !== iteration) continue
      const tensors = await readNetworks(networks)
      comparisons.push(...compareMoment(item, context.folder, name, moment, tensors))
    }
  }
  trainer.dispose()
  disposeNetworks(networks)
  return comparisons
}

/** The discriminator's steps and then that of generator and segmenter; `steps` counts each optimizer's. */
async function runIteration(
  item: TraceCase,
  folder: GoldenFolder,
  trainer: Trainer,
  iteration: number,
  steps: { generator: number; segmenter: number; discriminator: number },
): Promise<Comparison[]> {
  const { lr_g = 1e-3, lr_s = 1e-3, lr_d = 1e-4 } = item.trainer
  const scalars = () => ({
    lambda: lossOf(item).lambda,
    seed: 0,
    rates: { generator: lr_g, segmenter: lr_s, discriminator: lr_d },
    steps: { ...steps },
  })
  const pool = readPool(item, folder)
  const patches = (indices: readonly number[]) => {
    const batch = pool.batch(indices)
    return { ...batch, clean: batch.patches }
  }
  const { d_batches, sg_batch } = item.plan[iteration]!
  const expected = item.iterations[iteration]!
  const compare = <Losses extends object>(where: string, got: Losses, losses: Losses): Comparison[] =>
    (Object.keys(got) as (keyof Losses & keyof TraceCase['loss_tol'])[]).map((name) =>
      compareNumber(
        `iteration ${iteration} ${where}${name}`,
        got[name] as number,
        losses[name] as number,
        item.loss_tol[name][iteration]!,
      ),
    )

  const comparisons: Comparison[] = []
  for (const [index, indices] of d_batches.entries()) {
    steps.discriminator++
    const { real, fake } = await trainer.discriminatorStep(patches(indices), scalars())
    const got = { d_real: real![0]!, d_fake: fake![0]!, d_loss: real![0]! + fake![0]! }
    comparisons.push(...compare(`D step ${index} `, got, expected.d_steps[index]!))
  }
  steps.generator++
  steps.segmenter++
  const { segmentation, adversarial, total } = await trainer.systemStep(patches(sg_batch), scalars())
  const got: SystemLosses = { seg: segmentation![0]!, adv: adversarial![0]!, total: total![0]! }
  return [...comparisons, ...compare('', got, expected)]
}

const SHARES: Readonly<Record<string, number>> = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 }

/** Gathers the errors of all stored elements by group and compares their percentiles with what is allowed. */
function compareMoment(
  item: TraceCase,
  folder: GoldenFolder,
  moment: string,
  { tensors, tol }: Moment,
  got: ReadonlyMap<string, StoredTensor>,
): Comparison[] {
  const errors = new Map<string, number[]>()
  for (const [name, reference] of Object.entries(tensors)) {
    const tensor = got.get(name)
    if (!tensor) throw new TypeError(`the networks have no ${name}`)
    const kind = /\.running_(mean|var)$/.test(name) ? 'running_stats' : 'weights'
    const group = `${name.slice(0, name.indexOf('.'))}.${kind}`
    const { offset, stride } = reference.sample ?? { offset: 0, stride: 1 }
    const own = errors.get(group) ?? []
    errors.set(group, own)
    folder.stored(item, reference).forEach((value, index) => {
      own.push(Math.abs(Number(tensor.values[offset + index * stride]) - value))
    })
  }
  return Object.entries(tol).flatMap(([group, percentiles]) => {
    const sorted = Float64Array.from(errors.get(group) ?? []).sort()
    return Object.entries(percentiles).map(([percentile, allowed]) => ({
      name: `${moment} ${group} ${percentile}`,
      // NaN sorts to the end, so that the maximum shows it.
      error: sortedQuantile(sorted, SHARES[percentile] ?? Number.NaN),
      tolerance: allowed,
    }))
  })
}

/** Algorithm 1, on the device. */
export const traceRunners: CaseRunners = {
  algorithm1_trace: (item, context) => runTrace(item as TraceCase, context),
}
