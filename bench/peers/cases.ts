/** One thing that every peer does. */
export interface Case {
  readonly name: string
  readonly op: 'conv' | 'norm' | 'pool' | 'up' | 'unet'
  /** With gradients of all inputs; for the U-Net, a whole step of training. */
  readonly backward: boolean
  /** Nominal floating-point operations, 0 where counting them says nothing. */
  readonly flops: number
  /** The largest relative error that still counts as right. */
  readonly tolerance: number
  /** Shapes of the random inputs; the U-Net makes its own. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** Measured once: it is there to be right or wrong. */
  readonly once: boolean
}

const DIRECTIONS = [false, true]
const TOLERANCE = 1e-4
/**
 * A ReLU or a largest voxel that rounding flips changes gradients of a float32 U-Net in any engine. On its lowest level a
 * gradient adds up 128 voxels of either sign, so that one of them is about a tenth of the sum. Wrong convolutions are off
 * by 1.
 */
const STEP_TOLERANCE = 1e-1

/** Of the U-Net: samples, voxels along an edge, channels of its first convolution, classes. */
export const UNET = { batch: 2, side: 32, base: 8, classes: 4 } as const

/** Of the step's Adam. */
export const LEARNING_RATE = 1e-3
export const ADAM_EPSILON = 1e-7

const directed = (name: string, backward: boolean): string =>
  `${name} ${backward ? 'forward+backward' : 'forward'}`

type Shape = readonly [batch: number, side: number, inputs: number, outputs: number]

function convolution([batch, side, inputs, outputs]: Shape, backward: boolean, once = false): Case {
  const forward = 2 * 27 * batch * side ** 3 * inputs * outputs
  return {
    name: directed(`conv [${batch},${side}³,${inputs}→${outputs}]`, backward),
    op: 'conv',
    backward,
    flops: backward ? 3 * forward : forward,
    tolerance: TOLERANCE,
    shapes: {
      x: [batch, side, side, side, inputs],
      w: [3, 3, 3, inputs, outputs],
      ...(backward && { dy: [batch, side, side, side, outputs] }),
    },
    once,
  }
}

function resampling(op: 'norm' | 'pool' | 'up', [batch, side, channels]: number[], backward: boolean): Case {
  const cube = (edge: number) => [batch!, edge, edge, edge, channels!]
  const result = { norm: side!, pool: side! / 2, up: side! * 2 }[op]
  return {
    name: directed(`${op} [${batch},${side}³,${channels}]`, backward),
    op,
    backward,
    flops: 0,
    tolerance: TOLERANCE,
    shapes: {
      x: cube(side!),
      ...(op === 'norm' && { gamma: [channels!], beta: [channels!] }),
      ...(backward && { dy: cube(result) }),
    },
    once: false,
  }
}

function unetCase(backward: boolean): Case {
  const { batch, side, base, classes } = UNET
  let products = 0
  let inputs = 1
  const block = (level: number, first: number, second: number, from: number) => {
    products += (side >> level) ** 3 * 27 * (from * first + first * second)
    inputs = second
  }
  for (let level = 0; level < 4; level++) block(level, base << level, (2 * base) << level, inputs)
  for (const level of [2, 1, 0]) {
    const width = (2 * base) << level
    block(level, width, width, inputs + width)
  }
  products += side ** 3 * inputs * classes
  return {
    name: backward ? 'unet step' : 'unet forward',
    op: 'unet',
    backward,
    flops: 2 * batch * products * (backward ? 3 : 1),
    tolerance: backward ? STEP_TOLERANCE : TOLERANCE,
    shapes: {},
    once: false,
  }
}

const CONVOLUTIONS: readonly Shape[] = [
  [1, 16, 32, 32],
  [1, 16, 64, 64],
  [2, 32, 8, 16],
  [1, 32, 8, 16],
]

/** Batches, sides and channels that tiles do not divide, next to ones that they do. */
const SWEEP: readonly Shape[] = [
  [1, 4, 64, 64],
  [4, 4, 33, 17],
  [2, 5, 3, 7],
  [3, 7, 5, 1],
  [4, 8, 16, 16],
  [1, 9, 1, 5],
  [2, 12, 6, 10],
  [1, 15, 13, 11],
  [3, 16, 3, 5],
  [4, 16, 4, 8],
  [2, 17, 8, 8],
  [1, 24, 7, 9],
  [2, 32, 4, 4],
  [3, 32, 2, 3],
  [1, 33, 1, 3],
  [1, 48, 2, 3],
  [1, 64, 1, 4],
  [2, 64, 3, 2],
]

const both = (make: (backward: boolean) => Case): Case[] => DIRECTIONS.map(make)

const GROUPS: Readonly<Record<string, () => readonly Case[]>> = {
  conv: () => CONVOLUTIONS.flatMap((shape) => both((backward) => convolution(shape, backward))),
  norm: () => both((backward) => resampling('norm', [2, 32, 16], backward)),
  pool: () => both((backward) => resampling('pool', [2, 32, 16], backward)),
  up: () => both((backward) => resampling('up', [2, 16, 32], backward)),
  unet: () => both(unetCase),
  sweep: () => SWEEP.map((shape) => convolution(shape, true, true)),
  tiny: () => both((backward) => convolution([2, 4, 3, 5], backward)),
}

/** The cases of some groups, in the order of their names here. Throws RangeError for a group that there is not. */
export function casesOf(groups: readonly string[]): Case[] {
  return groups.flatMap((group) => {
    const make = GROUPS[group]
    if (!make)
      throw new RangeError(`no cases are called "${group}"; there are ${Object.keys(GROUPS).join(', ')}`)
    return make()
  })
}
