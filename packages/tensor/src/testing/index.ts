export { allCases } from './all-cases.ts'
export type { InputCase, OpCase, OpCases, Pick } from './cases.ts'
export { type CheckResult, checkCase, compare, instantiate } from './check.ts'
export { fill, picker, uniform } from './values.ts'
