/** First and last value of an axis. */
export type Domain = readonly [low: number, high: number]

/** Where the values of an axis lie on a drawing. */
export interface Scale {
  readonly domain: Domain
  /** Where the ends of the domain lie, in user units. */
  readonly range: readonly [from: number, to: number]
  /** Where a value lies. All values of an axis without extent lie in its middle. */
  at(value: number): number
}

/** A straight line from a domain to a range. */
export function linearScale(domain: Domain, range: readonly [number, number]): Scale {
  const [low, high] = domain
  const [from, to] = range
  return {
    domain,
    range,
    at: (value) => from + (high === low ? 0.5 : (value - low) / (high - low)) * (to - from),
  }
}

/** About `count` round values within a domain: multiples of 1, 2 or 5 times a power of ten. */
export function ticks([low, high]: Domain, count: number): number[] {
  if (high === low) return [low]
  const { step, decimals } = tickStep(high - low, count)
  const first = Math.ceil(low / step - TOLERANCE)
  const last = Math.floor(high / step + TOLERANCE)
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toFixed(decimals)),
  )
}

/** The domain widened to the ticks around it. */
export function niceDomain([low, high]: Domain, count: number): Domain {
  if (high === low) return [low, high]
  const { step, decimals } = tickStep(high - low, count)
  const tick = (position: number) => Number((position * step).toFixed(decimals))
  return [tick(Math.floor(low / step + TOLERANCE)), tick(Math.ceil(high / step - TOLERANCE))]
}

/** What rounding may add to a multiple of a step. */
const TOLERANCE = 1e-9

function tickStep(span: number, count: number) {
  const rough = span / count
  const power = Math.floor(Math.log10(rough))
  const share = rough / 10 ** power
  // Halfway between the factors on a scale of ratios.
  const factor = share >= Math.sqrt(50) ? 10 : share >= Math.sqrt(10) ? 5 : share >= Math.sqrt(2) ? 2 : 1
  return { step: factor * 10 ** power, decimals: Math.min(100, Math.max(0, -power)) }
}

/** The smallest and the largest of some values; [0, 1] when there are none. */
export function extent(values: readonly number[]): Domain {
  if (values.length === 0) return [0, 1]
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
}

/** Up to three digits, without zeros at the end. */
export function compactNumber(value: number): string {
  return String(Number(value.toPrecision(3))).replace('-', '−')
}
