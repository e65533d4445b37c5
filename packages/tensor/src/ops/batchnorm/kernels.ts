import { elements, type Spec } from '../../graph/spec.ts'
import { linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import { sharedSum } from '../reduce/program.ts'
import gradientInput from './gradient-input.wgsl'
import gradientSums from './gradient-sums.wgsl'
import combine from './moments.combine.wgsl'
import moments from './moments.wgsl'
import normalize from './normalize.wgsl'
import type { NormParams } from './op.ts'

/** Invocations among which a pass over a tensor is shared out: enough for a device, few enough to reuse their loads. */
const INVOCATIONS = 8192

/** Rows, channels, and into how many strided shares the rows are dealt. */
function sharing(x: Spec): { rows: number; channels: number; shares: number } {
  const channels = x.shape[x.shape.length - 1]!
  const rows = elements(x.shape) / channels
  return {
    rows,
    channels,
    shares: Math.max(1, Math.min(Math.ceil(rows / 16), Math.floor(INVOCATIONS / channels))),
  }
}

function stage(
  source: string,
  file: string,
  x: Spec,
  bindings: readonly Slot[],
  params: readonly number[],
  constants?: Stage['constants'],
): Stage {
  const { rows, channels, shares } = sharing(x)
  const uniforms = { u32: [rows, channels, shares], f32: params }
  return {
    source,
    file,
    bindings,
    uniforms,
    grid: linearGrid(channels * shares, 64),
    ...(constants && { constants }),
  }
}

export function momentsProgram(x: Spec): Program {
  const { rows, channels, shares } = sharing(x)
  return {
    scratch: [2 * channels * shares],
    stages: [
      stage(moments, 'moments.wgsl', x, ['input0', 'scratch0'], []),
      {
        source: combine,
        file: 'moments.combine.wgsl',
        bindings: ['scratch0', 'output'],
        uniforms: { u32: [rows, channels, shares] },
        grid: [channels, 1, 1],
      },
    ],
  }
}

export function normalizeProgram(x: Spec, { epsilon, slope }: NormParams): Program {
  const bindings: Slot[] = ['input0', 'input1', 'input2', 'input3', 'output']
  return { stages: [stage(normalize, 'normalize.wgsl', x, bindings, [epsilon, slope])] }
}

export function gradientSumsProgram(x: Spec, { epsilon, slope }: NormParams): Program {
  const { channels, shares } = sharing(x)
  const target = shares > 1 ? 'scratch0' : 'output'
  const bindings: Slot[] = ['input0', 'input1', 'input2', 'input3', 'input4', target]
  return sharedSum(
    stage(gradientSums, 'gradient-sums.wgsl', x, bindings, [epsilon, slope]),
    shares,
    2 * channels,
  )
}

export function gradientInputProgram(x: Spec, { epsilon, slope, batch }: NormParams): Program {
  // Fixed moments need no sums; the weights stand in for a binding that is not read.
  const sums = batch ? 'input5' : 'input3'
  const bindings: Slot[] = ['input0', 'input1', 'input2', 'input3', 'input4', sums, 'output']
  const constants = { BATCH: batch ? 1 : 0 }
  const file = batch ? 'gradient-input.wgsl' : 'gradient-input.wgsl:fixed'
  return { stages: [stage(gradientInput, file, x, bindings, [epsilon, slope], constants)] }
}
