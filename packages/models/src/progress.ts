import {
  type Plateau,
  type Schedule,
  type ScheduleState,
  startSchedule,
  stepSchedule,
} from '@voxnorm/autograd'
import type { StepRate, TrainingConfig } from './config.ts'
import { NETWORK_NAMES, type NetworkName } from './networks.ts'

/** Where a training stands, besides weights and moments. Plain data. */
export interface TrainingProgress {
  /** The epoch and the iteration in it that come next, counted from 0; after the last one, the validation comes. */
  readonly epoch: number
  readonly iteration: number
  /** What the epoch's steps gave so far. */
  readonly losses: EpochLosses
  /** Seconds of training so far, over all resumptions. */
  readonly elapsed: number
  /** Highest mean validation Dice so far, `null` before the first. */
  readonly bestScore: number | null
  /** Steps that each network's optimizer has taken. */
  readonly steps: Readonly<Record<NetworkName, number>>
  readonly schedules: Readonly<Record<NetworkName, ScheduleState>>
}

/** Sums of the values of an epoch's steps and how many there were, by name. Plain data, part of every checkpoint. */
export type EpochLosses = Readonly<Record<string, readonly [sum: number, count: number]>>

/** The sums with one more step. */
export function addLosses(losses: EpochLosses, values: Readonly<Record<string, number>>): EpochLosses {
  const added = Object.entries(values).map(([name, value]) => {
    const [sum, count] = losses[name] ?? [0, 0]
    return [name, [sum + value, count + 1]] as const
  })
  return { ...losses, ...Object.fromEntries(added) }
}

/** The mean of each value over the steps that had it. */
export function meanLosses(losses: EpochLosses): Record<string, number> {
  return Object.fromEntries(Object.entries(losses).map(([name, [sum, count]]) => [name, sum / count]))
}

/** Plateaus as the authors have them: PyTorch's threshold, and no rate below this one. */
const PLATEAU = { threshold: 1e-4, minimumRate: 1e-8 }

/** The learning rates over the epochs. */
export function schedulesOf({ optim, train }: TrainingConfig): Readonly<Record<NetworkName, Schedule>> {
  const steps = ({ lr, decay, milestones, gamma }: StepRate): Schedule =>
    decay === 'cosine'
      ? { kind: 'cosine', rate: lr, epochs: train.epochs }
      : { kind: 'multi-step', rate: lr, milestones, gamma }
  const { lr, plateau } = optim.discriminator
  const discriminator: Plateau = { kind: 'plateau', rate: lr, ...plateau, ...PLATEAU }
  return { generator: steps(optim.generator), segmenter: steps(optim.segmenter), discriminator }
}

/** Before the first iteration. */
export const startOf = (schedules: Readonly<Record<NetworkName, Schedule>>): TrainingProgress => ({
  epoch: 0,
  iteration: 0,
  losses: {},
  elapsed: 0,
  bestScore: null,
  steps: { generator: 0, segmenter: 0, discriminator: 0 },
  schedules: perNetwork((name) => startSchedule(schedules[name])),
})

/** All schedules after one more epoch; only that of D looks at its loss. */
export const stepSchedules = (
  schedules: Readonly<Record<NetworkName, Schedule>>,
  states: TrainingProgress['schedules'],
  discriminatorLoss: number,
): TrainingProgress['schedules'] =>
  perNetwork((name) => stepSchedule(schedules[name], states[name], discriminatorLoss))

const perNetwork = <T>(make: (name: NetworkName) => T): Record<NetworkName, T> =>
  Object.fromEntries(NETWORK_NAMES.map((name) => [name, make(name)])) as Record<NetworkName, T>
