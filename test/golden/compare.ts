import { countOf, type GoldenCase, type GoldenFolder, type TensorReference } from './manifest.ts'

/** One number that had to be close to another: right if `error <= tolerance`, so NaN is wrong. */
export interface Comparison {
  readonly name: string
  readonly error: number
  readonly tolerance: number
  /** Where the largest error is, for people. */
  readonly detail?: string
}

/** Whether a comparison came out well. */
export const isClose = ({ error, tolerance }: Comparison): boolean => error <= tolerance

/** How much of its tolerance a comparison uses up: above 1 it failed. */
export function strain({ error, tolerance }: Comparison): number {
  if (error === 0) return 0
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / Math.max(tolerance, Number.MIN_VALUE)
}

/**
 * Compares a whole tensor, in the file's order, with what is stored of it: element by element, and for a sample also
 * by the two sums over all elements. Throws TypeError for a reference without a tolerance.
 */
export function compareTensor(
  folder: GoldenFolder,
  item: GoldenCase,
  name: string,
  got: ArrayLike<number>,
  reference: TensorReference,
): Comparison[] {
  const { tol, sample, l2, dotcos, shape } = reference
  if (typeof tol !== 'number') throw new TypeError(`${name} has no tolerance`)
  if (got.length !== countOf(shape)) {
    throw new TypeError(`${name} has ${got.length} elements, should have [${shape.join(',')}]`)
  }
  const { offset, stride } = sample ?? { offset: 0, stride: 1 }
  let worst: Comparison = { name, error: 0, tolerance: tol }
  folder.stored(item, reference).forEach((expected, index) => {
    const at = offset + index * stride
    const error = errorOf(got[at]!, expected)
    // NaN is the worst there is.
    if (error > worst.error || (Number.isNaN(error) && !Number.isNaN(worst.error))) {
      worst = { ...worst, error, detail: `element ${at} is ${got[at]}, should be ${expected}` }
    }
  })
  if (!sample) return [worst]
  const allowed = tol * Math.sqrt(got.length)
  const sums = { squares: 0, cosines: 0 }
  for (let index = 0; index < got.length; index++) {
    sums.squares += got[index]! ** 2
    sums.cosines += got[index]! * Math.cos(index)
  }
  return [
    worst,
    compareNumber(`${name} l2`, Math.sqrt(sums.squares), l2!, allowed),
    compareNumber(`${name} dotcos`, sums.cosines, dotcos!, allowed),
  ]
}

/** Compares two numbers; `null` stands for NaN. */
export function compareNumber(
  name: string,
  got: number,
  expected: number | null,
  tolerance: number,
): Comparison {
  const wanted = expected ?? Number.NaN
  return { name, error: errorOf(got, wanted), tolerance, detail: `it is ${got}, should be ${wanted}` }
}

/** Numbers in manifests are rounded to eight significant digits. */
const MANIFEST_ROUNDING = 5e-8

/**
 * Compares a number, list or object with its counterpart in a manifest, where the numbers are rounded. A part that
 * only the manifest has fails; one that it lacks is passed over.
 */
export function compareValue(name: string, got: unknown, expected: unknown, tolerance: number): Comparison[] {
  if (expected === null || typeof expected === 'number') {
    const rounding = MANIFEST_ROUNDING * Math.abs(expected ?? 0)
    return [
      compareNumber(
        name,
        typeof got === 'number' ? got : Number.POSITIVE_INFINITY,
        expected,
        tolerance + rounding,
      ),
    ]
  }
  if (typeof expected !== 'object') throw new TypeError(`${name} cannot be compared with ${expected}`)
  const parts = got as Record<string, unknown> | undefined
  return Object.entries(expected).flatMap(([key, value]) =>
    compareValue(`${name}.${key}`, parts?.[key], value, tolerance),
  )
}

const errorOf = (got: number, expected: number): number =>
  got === expected || (Number.isNaN(got) && Number.isNaN(expected)) ? 0 : Math.abs(got - expected)
