import { elements } from '../graph/spec.ts'
import type { InputCase, Pick } from '../op-case.ts'

/** A small generator of uniform numbers in [0, 1) (mulberry32), so that every test run sees the same values. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Random integers from a seed. */
export function picker(seed: number): Pick {
  const next = uniform(seed)
  return (least, greatest) => least + Math.floor(next() * (greatest - least + 1))
}

/** Random values after which the same come again: making more for large inputs takes longer than computing with them. */
const PERIOD = 1_000_003

/** So many values of a generator, with no period that a shape is likely to have. */
function draw<Values extends Float32Array | Uint32Array>(values: Values, next: () => number): Values {
  const own = Math.min(values.length, PERIOD)
  for (let index = 0; index < own; index++) values[index] = next()
  for (let start = own; start < values.length; start += own) values.copyWithin(start, 0, own)
  return values
}

/** Values for a test input. */
export function fill(inputCase: InputCase, seed: number): Float32Array | Uint32Array {
  const { spec, fill: kind, classes = 4, values } = inputCase
  const next = uniform(seed)
  const count = elements(spec.shape)
  if (values) return spec.dtype === 'u32' ? Uint32Array.from(values) : Float32Array.from(values)
  if (spec.dtype === 'u32') return draw(new Uint32Array(count), () => Math.floor(next() * classes))
  if (kind === 'positive') return draw(new Float32Array(count), () => 0.5 + next())
  if (kind === 'apart') {
    // A shuffled ladder with steps of 0.02 around zero, none of its rungs at zero.
    const ladder = Array.from({ length: count }, (_, index) => (index - count / 2) * 0.02 + 0.0137)
    for (let index = count - 1; index > 0; index--) {
      const other = Math.floor(next() * (index + 1))
      ;[ladder[index], ladder[other]] = [ladder[other]!, ladder[index]!]
    }
    return Float32Array.from(ladder)
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return draw(new Float32Array(count), normal)
}
