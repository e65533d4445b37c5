import { elements, type Spec } from '../../graph/spec.ts'
import { type KernelText, linearGrid, type Program, packing, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { enoughInvocations, sharedSum } from '../reduce/program.ts'

const combine = () => import('./moments.combine.wgsl')
const moments = () => import('./moments.wgsl')
const normalize = () => import('./normalize.wgsl')
const gradientInput = () => import('./gradient-input.wgsl')
const gradientSums = () => import('./gradient-sums.wgsl')

export interface NormParams {
  /** Added to the variance inside the square root. */
  readonly epsilon: number
  /** Slope below zero of the activation that follows: 1 none, 0 ReLU, else leaky ReLU. */
  readonly slope: number
  /** Whether the moments are those of x itself (training) or fixed (evaluation). */
  readonly batch: boolean
}

/** Rows below which a share does not pay. */
const SHORTEST_SHARE = 16
/** A GPU joins many shares of moments in two stages. So many are left between them: one for each lane of the second. */
const JOINED = 64

/** Rows, channels in packed numbers, and into how many strided shares the rows are dealt. */
function sharing(x: Spec, device: Capabilities) {
  const channels = x.shape[x.shape.length - 1]!
  const rows = elements(x.shape) / channels
  const { numbers, constants } = packing(channels)
  const columns = channels / numbers
  const most = Math.floor(enoughInvocations(device) / columns)
  const shares = Math.min(Math.ceil(rows / SHORTEST_SHARE), most)
  return { rows, columns, shares: Math.max(1, shares), constants }
}

function stage(
  source: KernelText,
  file: string,
  x: Spec,
  device: Capabilities,
  bindings: readonly Slot[],
  params: readonly number[],
  more: Stage['constants'] = {},
): Stage {
  const { rows, columns, shares, constants } = sharing(x, device)
  const uniforms = { u32: [rows, columns, shares], f32: params }
  const grid = linearGrid(columns * shares, 64)
  return { source, file, constants: { ...constants, ...more }, bindings, uniforms, grid }
}

/** Lanes that join the shares of a channel: a software device runs one subgroup of them at once, and no more. */
const joiningLanes = ({ software, subgroupSize }: Capabilities): number =>
  software && subgroupSize ? subgroupSize : 64

/** Moments in parts: of how many values for each channel, and in how many parts. */
export interface PartialSizes {
  readonly rows: number
  readonly channels: number
  readonly shares: number
}

/**
 * Joins the moments of parts of a tensor. The stage leaves them in scratch0 as `[shares, 3, C]`: means, squared
 * deviations, numbers of values. The result `[2, C]` goes to `target`.
 */
export function joinedMoments(
  partial: Stage,
  { rows, channels, shares }: PartialSizes,
  target: Slot,
  device: Capabilities,
): Program {
  const { numbers, constants, bits } = packing(channels)
  const columns = channels / numbers
  const join = (from: number, to: number, source: Slot, result: Slot): Stage => ({
    source: combine,
    file: 'moments.combine.wgsl',
    constants: { ...constants, ...bits, LANES: joiningLanes(device), LAST: to === 1 ? 1 : 0 },
    bindings: [source, result],
    uniforms: { u32: [rows, columns, from, to] },
    grid: [columns, to, 1],
  })
  const words = (count: number) => 3 * count * channels
  if (device.software || shares <= 4 * JOINED) {
    return { scratch: [words(shares)], stages: [partial, join(shares, 1, 'scratch0', target)] }
  }
  const joins = [join(shares, JOINED, 'scratch0', 'scratch1'), join(JOINED, 1, 'scratch1', target)]
  return { scratch: [words(shares), words(JOINED)], stages: [partial, ...joins] }
}

export function momentsProgram(x: Spec, device: Capabilities): Program {
  const { rows, shares } = sharing(x, device)
  const partial = stage(moments, 'moments.wgsl', x, device, ['input0', 'scratch0'], [])
  return joinedMoments(partial, { rows, channels: elements(x.shape) / rows, shares }, 'output', device)
}

export function normalizeProgram(x: Spec, { epsilon, slope }: NormParams, device: Capabilities): Program {
  const bindings: Slot[] = ['input0', 'input1', 'input2', 'input3', 'output']
  return { stages: [stage(normalize, 'normalize.wgsl', x, device, bindings, [epsilon, slope])] }
}

export function gradientSumsProgram(x: Spec, { epsilon, slope }: NormParams, device: Capabilities): Program {
  const { rows, shares } = sharing(x, device)
  const target = shares > 1 ? 'scratch0' : 'output'
  const bindings: Slot[] = ['input0', 'input1', 'input2', 'input3', 'input4', target]
  const partial = stage(gradientSums, 'gradient-sums.wgsl', x, device, bindings, [epsilon, slope])
  return sharedSum(partial, shares, (2 * elements(x.shape)) / rows, device)
}

export function gradientInputProgram(
  x: Spec,
  { epsilon, slope, batch }: NormParams,
  device: Capabilities,
): Program {
  // Fixed moments need no sums; the weights stand in for a binding that is not read.
  const sums = batch ? 'input5' : 'input3'
  const bindings: Slot[] = ['input0', 'input1', 'input2', 'input3', 'input4', sums, 'output']
  const constants = { BATCH: batch ? 1 : 0 }
  const file = batch ? 'gradient-input.wgsl' : 'gradient-input.wgsl:fixed'
  return { stages: [stage(gradientInput, file, x, device, bindings, [epsilon, slope], constants)] }
}
