// Half precision (IEEE 754 binary16) on the host, which has no type for it: 11 significant bits, exponents from -14 to 15.

/** Exponent of the smallest normal half; below it lie multiples of 2⁻²⁴. */
const LEAST_EXPONENT = -14
const LARGEST = 65_504

/** The distance between a number and the next half: what rounding may take away from it at most, twice. */
export const halfStep = (value: number): number =>
  2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), LEAST_EXPONENT) - 10)

/** The nearest half, ties to even; past the largest one infinity. */
export function roundToHalf(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value
  // Added to a number 2⁵² steps large, a double keeps whole steps only, and rounds as the standard says.
  const magnet = halfStep(value) * 2 ** 52
  const rounded = Math.abs(value) + magnet - magnet
  return Math.sign(value) * (rounded > LARGEST ? Number.POSITIVE_INFINITY : rounded)
}

/** The bits of the nearest halves, two to a word; an odd number of them is followed by a zero. */
export function packHalves(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const packed = new Uint16Array(2 * Math.ceil(values.length / 2))
  for (let index = 0; index < values.length; index++) packed[index] = bitsOf(values[index]!)
  return packed
}

function bitsOf(value: number): number {
  const rounded = Math.abs(roundToHalf(value))
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  if (Number.isNaN(rounded)) return 0x7e00
  if (rounded > LARGEST) return sign | 0x7c00
  if (rounded < 2 ** LEAST_EXPONENT) return sign | (rounded * 2 ** 24)
  const exponent = Math.floor(Math.log2(rounded))
  return sign | ((exponent + 15) << 10) | ((rounded / 2 ** exponent - 1) * 1024)
}

/** The values of halves, exactly. */
export function unpackHalves(packed: Uint16Array): Float32Array {
  return Float32Array.from(packed, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    if (exponent === 0) return sign * fraction * 2 ** -24
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
}
