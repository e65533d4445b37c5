import type { CaseContext, CaseRunners } from './case-runner.ts'
import { type Comparison, isClose, strain } from './compare.ts'
import { inferenceRunners } from './inference.ts'
import type { GoldenCase } from './manifest.ts'
import { metricRunners } from './metrics.ts'
import { modelStepRunners } from './model-step.ts'
import { opRunners } from './ops.ts'
import { optimizerRunners } from './optimizer.ts'
import { scheduleRunners } from './schedules.ts'
import { traceRunners } from './trace.ts'

const runners: CaseRunners = {
  ...opRunners,
  ...optimizerRunners,
  ...scheduleRunners,
  ...metricRunners,
  ...modelStepRunners,
  ...traceRunners,
  ...inferenceRunners,
}

/** How a case went. */
export interface CaseResult {
  readonly id: string
  readonly op: string
  readonly passed: boolean
  /** The comparison that used up most of its tolerance; none if the case could not be run. */
  readonly worst?: Comparison
  readonly comparisons: number
  /** Why it failed, a line each. */
  readonly problems: readonly string[]
}

/** Runs a case; whatever goes wrong becomes the reason why it failed. */
export async function runCase(item: GoldenCase, context: CaseContext): Promise<CaseResult> {
  const { id, op } = item
  const failure = (problem: string): CaseResult => ({
    id,
    op,
    passed: false,
    comparisons: 0,
    problems: [problem],
  })
  if (!Object.hasOwn(runners, op)) return failure(`unknown op "${op}"`)
  try {
    const comparisons = await runners[op]!(item, context)
    if (comparisons.length === 0) return failure('the case has nothing to compare')
    const wrong = comparisons.filter((comparison) => !isClose(comparison))
    return {
      id,
      op,
      passed: wrong.length === 0,
      worst: (wrong.length > 0 ? wrong : comparisons).toSorted((a, b) => strain(b) - strain(a))[0]!,
      comparisons: comparisons.length,
      problems: wrong.map(describe),
    }
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error))
  }
}

const short = (value: number): string => (value === 0 ? '0' : value.toExponential(1))

const describe = ({ name, error, tolerance, detail }: Comparison): string =>
  `${name}: off by ${short(error)}, allowed ${short(tolerance)}${detail ? ` (${detail})` : ''}`

/** Reasons that are listed for one case; the others are counted. */
const LISTED = 5

/** A line for people about a case, followed by indented ones for what was wrong. */
export function resultRow({ id, op, passed, worst, comparisons, problems }: CaseResult): string {
  const numbers = worst
    ? `${`${short(worst.error)} / ${short(worst.tolerance)}`.padEnd(17)} ${worst.name} (of ${comparisons})`
    : ''
  const more = problems.length > LISTED ? [`and ${problems.length - LISTED} more`] : []
  return [
    `${passed ? 'pass' : 'FAIL'}  ${id.padEnd(26)} ${op.padEnd(22)} ${numbers}`.trimEnd(),
    ...[...problems.slice(0, LISTED), ...more].map((line) => `      ${line.replaceAll('\n', '\n      ')}`),
  ].join('\n')
}
