import { elements, type Spec, strides } from '../../graph/spec.ts'
import { linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import { padRank } from '../broadcast/op.ts'
import source from './reduce.wgsl'

/** Invocations that keep a device busy when a sum has few outputs. */
const INVOCATIONS = 2048
/** Additions below which splitting an output's sum does not pay. */
const SHORTEST_SHARE = 32

const MAX_RANK = 5

/** One pass over `[kept, reduced]`, each output's sum in `shares` pieces. */
function pass(
  kept: readonly [sizes: number[], strides: number[]],
  reduced: readonly [sizes: number[], strides: number[]],
  shares: number,
  bindings: readonly Slot[],
): Stage {
  const axes = [kept, reduced].flatMap(([sizes, steps]) => [
    ...padRank(sizes, 1).slice(1),
    ...padRank(steps, 0),
  ])
  const outputs = elements(kept[0])
  return {
    source,
    file: 'reduce.wgsl',
    constants: { REDUCED_RANK: reduced[0].length <= 1 ? 1 : MAX_RANK },
    bindings,
    uniforms: { u32: [outputs, elements(reduced[0]), shares, ...axes] },
    grid: linearGrid(outputs * shares, 64),
  }
}

/** Neighbouring axes that lie in memory like one become one: fewer divisions in the kernel. */
function merge(sizes: readonly number[], steps: readonly number[]): [number[], number[]] {
  const merged: [number[], number[]] = [[], []]
  sizes.forEach((size, index) => {
    const last = merged[0].length - 1
    if (last >= 0 && merged[1][last] === steps[index]! * size) {
      merged[0][last]! *= size
      merged[1][last] = steps[index]!
    } else {
      merged[0].push(size)
      merged[1].push(steps[index]!)
    }
  })
  return merged
}

/** Sums of `x` over `axes`: one pass, or two where one would leave most of the device idle. */
export function sumProgram(x: Spec, axes: readonly number[]): Program {
  const steps = strides(x.shape)
  const pick = (keep: boolean): [number[], number[]] => {
    const chosen = x.shape.map((_, axis) => axis).filter((axis) => axes.includes(axis) !== keep)
    return merge(
      chosen.map((axis) => x.shape[axis]!),
      chosen.map((axis) => steps[axis]!),
    )
  }
  const kept = pick(true)
  const reduced = pick(false)
  const outputs = elements(kept[0])
  const length = elements(reduced[0])
  const shares = Math.max(1, Math.min(Math.floor(INVOCATIONS / outputs), Math.ceil(length / SHORTEST_SHARE)))
  if (shares === 1) return { stages: [pass(kept, reduced, 1, ['input0', 'output'])] }
  return sharedSum(pass(kept, reduced, shares, ['input0', 'scratch0']), shares, outputs)
}

/**
 * A stage whose result comes in `shares` pieces of `outputs` words, laid out `[shares, outputs]` in scratch0, and the
 * stage that adds them in a fixed order. A stage with one share writes the output itself.
 */
export function sharedSum(partial: Stage, shares: number, outputs: number): Program {
  if (shares === 1) return { stages: [partial] }
  const total = pass([[outputs], [1]], [[shares], [outputs]], 1, ['scratch0', 'output'])
  return { scratch: [shares * outputs], stages: [partial, total] }
}
