import { ConfigError } from '@voxnorm/data'
import { nearest } from '@voxnorm/pipeline/words'

/** Sizes of a kernel's problem. Every target reads those that it has a use for. */
export interface Shape {
  readonly batch: number
  /** D, H, W of the input. */
  readonly size: readonly [number, number, number]
  /** Channels in and out of a convolution. */
  readonly in: number
  readonly out: number
  /** Channels of everything else. */
  readonly channels: number
  /** Side of a convolution's cubic kernel. */
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly mode: 'replicate' | 'zero'
  /** How tensors are stored; what is computed is f32. */
  readonly type: 'f32' | 'f16'
}

export type ShapeKey = keyof Shape

const DEFAULTS: Shape = {
  batch: 1,
  size: [16, 16, 16],
  in: 32,
  out: 32,
  channels: 32,
  kernel: 3,
  stride: 1,
  padding: 1,
  mode: 'replicate',
  type: 'f32',
}

/**
 * Reads `size=8..32,in=4/8,out=8`: every combination of the values, the last key changing fastest.
 *
 * A value is a number, `16x12x20` for a size that is no cube, or a word for the mode and the type. `a/b/c` lists values, `a..b`
 * doubles from a up to b, and `a..b+s` goes in steps of s. Keys that are left out keep their defaults; the padding
 * follows the kernel so that a stride of 1 keeps the size.
 *
 * Throws ConfigError, which names the keys in `keys`, for everything else.
 */
export function parseShapes(text: string, keys: readonly ShapeKey[]): Shape[] {
  let shapes: Partial<Shape>[] = [{}]
  for (const part of text.split(',')) {
    const [key, values, ...rest] = part.split('=')
    if (values === undefined || values === '' || rest.length > 0) {
      throw shapeError(text, `"${part}" is not of the form key=value`, keys)
    }
    const known = keys.find((name) => name === key)
    if (known === undefined) {
      const close = nearest(key!, keys)
      const guess = close === undefined ? '' : `; did you mean ${close}?`
      throw shapeError(text, `there is no key "${key}" here${guess}`, keys)
    }
    const options = values.split('/').flatMap((value) => expand(text, known, value, keys))
    shapes = shapes.flatMap((shape) => options.map((option) => ({ ...shape, [known]: option })))
  }
  return shapes.map((shape) => {
    const padding = ((shape.kernel ?? DEFAULTS.kernel) - 1) >> 1
    return { ...DEFAULTS, padding, ...shape }
  })
}

function expand(text: string, key: ShapeKey, value: string, keys: readonly ShapeKey[]): Shape[ShapeKey][] {
  const wrong = (what: string) => shapeError(text, `${key}=${value} ${what}`, keys)
  if (key === 'mode') {
    if (value !== 'replicate' && value !== 'zero') throw wrong('is neither replicate nor zero')
    return [value]
  }
  if (key === 'type') {
    if (value !== 'f32' && value !== 'f16') throw wrong('is neither f32 nor f16')
    return [value]
  }
  const range = /^(\d+)\.\.(\d+)(?:\+(\d+))?$/.exec(value)
  const numbers = range
    ? series(Number(range[1]), Number(range[2]), range[3] === undefined ? undefined : Number(range[3]))
    : [value]
  if (numbers.length === 0) throw wrong('is an empty range')
  return numbers.map((number) => {
    const sides = String(number).split('x').map(Number)
    const least = key === 'padding' ? 0 : 1
    if (!sides.every((side) => Number.isInteger(side) && side >= least)) throw wrong('is no size')
    if (key === 'size') {
      const [depth, height = depth, width = depth] = sides
      if (sides.length !== 1 && sides.length !== 3) throw wrong('needs one side or three')
      return [depth!, height!, width!] as const
    }
    if (sides.length > 1) throw wrong('is no number')
    return sides[0]!
  })
}

/** From `first` to `last`, in steps or doubling; empty when that never arrives. */
function series(first: number, last: number, step: number | undefined): number[] {
  const numbers: number[] = []
  if (step === 0 || (step === undefined && first === 0)) return numbers
  for (let number = first; number <= last; number = step === undefined ? 2 * number : number + step) {
    numbers.push(number)
  }
  return numbers
}

const shapeError = (text: string, problem: string, keys: readonly ShapeKey[]): ConfigError =>
  new ConfigError(`--shape ${text}: ${problem}.`, {
    fix: `give ${keys.join('=, ')}= with numbers, lists such as 4/8 and ranges such as 8..32 or 8..32+8`,
  })
