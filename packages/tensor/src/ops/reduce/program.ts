import { elements, type Spec, strides } from '../../graph/spec.ts'
import { linearGrid, type Program, packing, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { padRank } from '../broadcast/op.ts'

const source = () => import('./reduce.wgsl')
/**
 * Invocations among which a pass over a tensor is shared out, by device. A software device has few cores, and pays for
 * every share that is joined afterwards. A large GPU wants half of the threads that its some 130 multiprocessors can hold,
 * with several loads each, before its memory is busy.
 */
export const enoughInvocations = ({ software }: Capabilities): number => (software ? 2048 : 2 ** 17)

/** Additions below which splitting an output's sum does not pay. */
const SHORTEST_SHARE = 32

/** Shares that one invocation of a GPU joins. On a software device it joins all: there a dispatch is dearer than a load. */
const MOST_JOINED = 32

const MAX_RANK = 5

type Axes = readonly [sizes: readonly number[], strides: readonly number[]]

/** How four neighbouring outputs can be summed at once: where they lie side by side, and all strides allow it. */
function packed([sizes, steps]: Axes, [, reducedSteps]: Axes) {
  const isContiguous = steps.at(-1) === 1
  return packing(...sizes.slice(-1), ...steps.slice(0, -1), ...reducedSteps, isContiguous ? 4 : 1)
}

/** One pass over `[kept, reduced]`, each output's sum in `shares` pieces. */
function pass(kept: Axes, reduced: Axes, shares: number, bindings: readonly Slot[]): Stage {
  const { numbers, constants } = packed(kept, reduced)
  const [sizes, steps] = kept
  const last = sizes.length - 1
  const packedKept: Axes = [
    sizes.map((size, axis) => (axis === last ? size / numbers : size)),
    steps.map((step, axis) => (axis === last ? step : step / numbers)),
  ]
  const packedReduced: Axes = [reduced[0], reduced[1].map((step) => step / numbers)]
  const axes = [packedKept, packedReduced].flatMap(([axisSizes, axisSteps]) => [
    ...padRank(axisSizes, 1).slice(1),
    ...padRank(axisSteps, 0),
  ])
  const outputs = elements(packedKept[0])
  return {
    source,
    file: 'reduce.wgsl',
    constants: { ...constants, REDUCED_RANK: reduced[0].length <= 1 ? 1 : MAX_RANK },
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

/** Sums of `x` over `axes`: one pass, or several where one would leave most of the device idle. */
export function sumProgram(x: Spec, axes: readonly number[], device: Capabilities): Program {
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
  const most = Math.floor(enoughInvocations(device) / outputs)
  const shares = Math.max(1, Math.min(most, Math.ceil(length / SHORTEST_SHARE)))
  if (shares === 1) return { stages: [pass(kept, reduced, 1, ['input0', 'output'])] }
  return sharedSum(pass(kept, reduced, shares, ['input0', 'scratch0']), shares, outputs, device)
}

/**
 * The stages that add up `shares` pieces of `outputs` words, laid out `[shares, outputs]` in scratch0, in a fixed order: a
 * tree on a GPU. With one share there is nothing to do.
 */
export function joinShares(shares: number, outputs: number, device: Capabilities): Required<Program> {
  const scratch: number[] = []
  const stages: Stage[] = []
  for (let left = shares; left > 1; ) {
    const next = device.software ? 1 : Math.ceil(left / MOST_JOINED)
    const source: Slot = `scratch${scratch.length}`
    scratch.push(left * outputs)
    const target: Slot = next > 1 ? `scratch${scratch.length}` : 'output'
    stages.push(pass([[outputs], [1]], [[left], [outputs]], next, [source, target]))
    left = next
  }
  return { scratch, stages }
}

/** A stage whose result comes in shares, and those that join them. A stage with one share writes the output itself. */
export function sharedSum(partial: Stage, shares: number, outputs: number, device: Capabilities): Program {
  const { scratch, stages } = joinShares(shares, outputs, device)
  return { scratch, stages: [partial, ...stages] }
}
