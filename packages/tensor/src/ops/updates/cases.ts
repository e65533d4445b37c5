import { f32 } from '../../graph/spec.ts'
import type { InputCase, OpCases, UpdateCase } from '../../op-case.ts'
import { lossScaleOp, lossScaleUpdate } from './loss-scale.ts'
import {
  accumulateOp,
  accumulateUpdate,
  adamOp,
  adamUpdate,
  runningStatisticsOp,
  runningStatisticsUpdate,
  sgdOp,
  sgdUpdate,
} from './updates.ts'

const scalar = (value: number): InputCase => ({ spec: f32(), values: [value] })

/** `[scale, clean steps, factor of the gradients]`. */
const scaling = (...values: readonly [number, number, number]): InputCase => ({ spec: f32(3), values })

function adamCase(count: number, scaled?: InputCase): UpdateCase {
  const spec = f32(count)
  const moments: readonly InputCase[] = [{ spec }, { spec, fill: 'positive' }]
  return {
    op: adamOp,
    name: `${count} values${scaled ? `, gradients times ${scaled.values![2]}` : ''}`,
    inputs: [{ spec }, { spec }, ...moments, scalar(0.01), scalar(0.7), ...(scaled ? [scaled] : [])],
    build: ([parameter, gradient, first, second, rate, correction, factor]) =>
      adamUpdate(
        { parameter: parameter!, first: first!, second: second! },
        gradient!,
        { rate: rate!, correction: correction!, ...(factor && { scaling: factor }) },
        { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.03 },
      ),
  }
}

function sgdCase(count: number): UpdateCase {
  const spec = f32(count)
  return {
    op: sgdOp,
    name: `${count} values`,
    inputs: [{ spec }, { spec }, { spec }, scalar(0.2)],
    build: ([parameter, gradient, velocity, rate]) =>
      sgdUpdate({ parameter: parameter!, velocity: velocity! }, gradient!, rate!, {
        momentum: 0.9,
        decay: 0.05,
      }),
  }
}

const accumulateCase = (scale: number, ...shape: readonly number[]): UpdateCase => ({
  op: accumulateOp,
  name: `[${shape}] times ${scale}`,
  inputs: [{ spec: f32(...shape) }, { spec: f32(...shape) }],
  build: ([total, value]) => accumulateUpdate(total!, value!, scale),
})

const runningCase = (channels: number, momentum: number, count: number): UpdateCase => ({
  op: runningStatisticsOp,
  name: `${channels} channels of ${count} values, momentum ${momentum}`,
  inputs: [
    { spec: f32(channels) },
    { spec: f32(channels), fill: 'positive' },
    { spec: f32(2, channels), fill: 'positive' },
  ],
  build: ([mean, variance, moments]) =>
    runningStatisticsUpdate(mean!, variance!, moments!, { momentum, count }),
})

/** Gradients of more numbers than there are shares that look for what is not finite; `last` is the last of them. */
const gradients = (last: number): readonly InputCase[] => {
  const values = Array.from({ length: 9001 }, (_, index) => index - 4000)
  return [{ spec: f32(7, 3) }, { spec: f32(9001), values: values.with(-1, last) }]
}

const lossScaleCase = (name: string, state: InputCase, last: number): UpdateCase => ({
  op: lossScaleOp,
  name,
  inputs: [state, ...gradients(last)],
  build: ([first, ...others]) => lossScaleUpdate(first!, others, { growthSteps: 10 }),
})

export const updatesCases: OpCases = {
  cases: [],
  updates: [
    adamCase(1),
    adamCase(77),
    adamCase(4 * 100),
    adamCase(131, scaling(1024, 3, 1 / 1024)),
    adamCase(132, scaling(1024, 0, 0)),
    sgdCase(1),
    sgdCase(201),
    accumulateCase(1, 1),
    accumulateCase(0.25, 13, 17),
    runningCase(1, 0.1, 2),
    runningCase(70, 0.9, 4096),
    lossScaleCase('a clean step', scaling(512, 3, 0), 1),
    lossScaleCase('the last clean step before it grows', scaling(512, 9, 1 / 512), 3e38),
    lossScaleCase('a clean step at the largest scale', scaling(2 ** 24, 9, 2 ** -24), 0),
    lossScaleCase('an infinite gradient', scaling(512, 8, 1 / 512), Number.POSITIVE_INFINITY),
    lossScaleCase('a gradient that is not a number', scaling(512, 0, 1 / 512), Number.NaN),
    lossScaleCase('an infinite gradient at the least scale', scaling(1, 4, 1), Number.NEGATIVE_INFINITY),
  ],
}
