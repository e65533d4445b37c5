/** What an error block says besides its first sentence. */
export interface ErrorDetails {
  /** One line per operand: spec and label. */
  readonly operands?: readonly string[]
  /** What to do about it. */
  readonly fix?: string
}

function block(headline: string, details: ErrorDetails): string {
  const operands = (details.operands ?? []).map((line) => `\n  ${line}`).join('')
  return `${headline}${operands}${details.fix ? `\n  fix: ${details.fix}` : ''}`
}

/** Shapes or dtypes that do not fit together, found when the graph is built. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError'
  readonly op: string
  readonly problem: string
  readonly details: ErrorDetails

  constructor(op: string, problem: string, details: ErrorDetails = {}) {
    super(block(`${op}: ${problem}`, details))
    this.op = op
    this.problem = problem
    this.details = details
  }

  /** The same error with the operands listed. */
  withOperands(operands: readonly string[]): ShapeError {
    return new ShapeError(this.op, this.problem, { ...this.details, operands })
  }
}

/** A kernel that does not compile, does not suit the device, or writes where it must not. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  readonly kernel: string

  constructor(kernel: string, problem: string, details: ErrorDetails = {}) {
    super(block(`kernel ${kernel}: ${problem}`, details))
    this.kernel = kernel
  }
}

/**
 * No usable device, a device that was lost, ran out of memory, or refused a command, which is a fault in a kernel or a plan.
 * Most have no fix of their own: what to do follows from the kind, and every program has words of its own for it.
 */
export class DeviceError extends Error {
  override readonly name = 'DeviceError'
  readonly kind: 'unavailable' | 'lost' | 'out-of-memory' | 'validation'
  readonly fix: string | undefined

  constructor(kind: DeviceError['kind'], problem: string, details: ErrorDetails = {}) {
    super(block(problem, details))
    this.kind = kind
    this.fix = details.fix
  }
}

/** A plan that cannot be built, or was run with the wrong feeds. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  readonly plan: string

  constructor(plan: string, problem: string, details: ErrorDetails = {}) {
    super(block(`plan ${plan}: ${problem}`, details))
    this.plan = plan
  }
}
