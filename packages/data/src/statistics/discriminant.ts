import { choleskyFactor, choleskySolve } from './cholesky.ts'

/** Share of the covariance that is replaced by that of independent features, each with the mean variance. */
const RIDGE = 0.1

/** A variance, in units of the feature's overall one, that stands for none: the discriminant must stay finite. */
const LEAST_VARIANCE = 1e-6

/** The patches of one subject and their sums. */
export interface SubjectSums {
  readonly rows: readonly Float64Array[]
  readonly sum: Float64Array
  /** Sum of x xᵀ over the rows, `[features, features]`. */
  readonly scatter: Float64Array
}

/** Sums over the patches of a subject, so that a fold need not look at patches that it learns from. */
export function sumSubject(rows: readonly Float64Array[]): SubjectSums {
  const size = rows[0]!.length
  const sum = new Float64Array(size)
  const scatter = new Float64Array(size * size)
  for (const row of rows) {
    addTo(sum, row, 1)
    addOuter(scatter, row, 1)
  }
  return { rows, sum, scatter }
}

/**
 * Prepares leave-one-subject-out classification of patches into `classes`: the result takes the class of each subject and
 * returns the counts of patches, rows by true class, columns by guessed class. Every class needs two subjects.
 *
 * A fold is a linear discriminant: nearest class mean in the Mahalanobis distance of the pooled covariance C within the
 * classes, shrunk to (1 - ρ) C + ρ v D, where D holds the features' variances in the fold and v is the mean ratio
 * of the diagonals of C and D. That is the ridge of Friedman (1989), with λ = 1, on features standardised by the fold.
 */
export function discriminantFolds(subjects: readonly SubjectSums[], classes: number) {
  const total = subjects.reduce(join)
  const folds = subjects.map((left) => {
    const count = total.rows.length - left.rows.length
    const mean = total.sum.map((value, feature) => (value - left.sum[feature]!) / count)
    const scatter = total.scatter.map((value, index) => value - left.scatter[index]!)
    addOuter(scatter, mean, -count)
    return { left, count, mean, scatter }
  })
  return (classOf: readonly number[]): number[][] => {
    const ofClass = Array.from({ length: classes }, (_, label) =>
      subjects
        .filter((_, index) => classOf[index] === label)
        .map(({ rows, sum }) => ({ count: rows.length, sum })),
    )
    const confusion = ofClass.map(() => new Array<number>(classes).fill(0))
    folds.forEach((fold, index) => {
      const own = classOf[index]!
      const means = ofClass.map((members, label) =>
        meanWithout(members, label === own ? fold.left : undefined),
      )
      const scores = linearScores(fold, means)
      for (const row of fold.left.rows) {
        const guess = largestScore(scores, row)
        confusion[own]![guess] = confusion[own]![guess]! + 1
      }
    })
    return confusion
  }
}

/** What a class looks like in a fold. */
interface ClassMean {
  readonly count: number
  readonly mean: Float64Array
}

function meanWithout(
  members: readonly { readonly count: number; readonly sum: Float64Array }[],
  left: SubjectSums | undefined,
): ClassMean {
  const sum = new Float64Array(members[0]!.sum.length)
  let count = left === undefined ? 0 : -left.rows.length
  for (const member of members) {
    addTo(sum, member.sum, 1)
    count += member.count
  }
  if (left !== undefined) addTo(sum, left.sum, -1)
  return { count, mean: sum.map((value) => value / count) }
}

/** Linear function of a row that is largest for the class whose mean is nearest. */
interface LinearScore {
  readonly weights: Float64Array
  readonly bias: number
}

function linearScores(
  {
    count,
    mean,
    scatter,
  }: { readonly count: number; readonly mean: Float64Array; readonly scatter: Float64Array },
  classes: readonly ClassMean[],
): LinearScore[] {
  const size = mean.length
  const within = scatter.slice()
  for (const each of classes) {
    addOuter(
      within,
      each.mean.map((value, feature) => value - mean[feature]!),
      -each.count,
    )
  }
  const freedom = Math.max(1, count - classes.length)
  const variances = mean.map((_, feature) => Math.max(scatter[feature * (size + 1)]! / count, LEAST_VARIANCE))
  const ratio = variances.reduce(
    (sum, variance, feature) => sum + within[feature * (size + 1)]! / freedom / variance,
    0,
  )
  const ridge = RIDGE * Math.max(ratio / size, LEAST_VARIANCE)
  const covariance = within.map((value) => ((1 - RIDGE) * value) / freedom)
  variances.forEach((variance, feature) => {
    covariance[feature * (size + 1)] = covariance[feature * (size + 1)]! + ridge * variance
  })
  const factor = choleskyFactor(covariance, size)
  return classes.map((each) => {
    const weights = choleskySolve(factor, each.mean)
    return { weights, bias: -dot(weights, each.mean) / 2 }
  })
}

function largestScore(scores: readonly LinearScore[], row: Float64Array): number {
  let best = 0
  let highest = Number.NEGATIVE_INFINITY
  scores.forEach(({ weights, bias }, label) => {
    const score = dot(weights, row) + bias
    if (score <= highest) return
    best = label
    highest = score
  })
  return best
}

function join(one: SubjectSums, other: SubjectSums): SubjectSums {
  return {
    rows: [...one.rows, ...other.rows],
    sum: one.sum.map((value, feature) => value + other.sum[feature]!),
    scatter: one.scatter.map((value, index) => value + other.scatter[index]!),
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!
  return sum
}

function addTo(target: Float64Array, values: Float64Array, factor: number): void {
  for (let index = 0; index < target.length; index++) target[index] = target[index]! + factor * values[index]!
}

/** Adds factor · v vᵀ to a square matrix. */
function addOuter(target: Float64Array, vector: Float64Array, factor: number): void {
  const size = vector.length
  for (let row = 0; row < size; row++) {
    const value = factor * vector[row]!
    for (let column = 0; column < size; column++) {
      const index = row * size + column
      target[index] = target[index]! + value * vector[column]!
    }
  }
}
