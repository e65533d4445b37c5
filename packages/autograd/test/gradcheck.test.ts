import { gradcheck, randomPoint } from '@voxnorm/autograd'
import {
  apply,
  classSums,
  exp,
  f32,
  mul,
  type Op,
  softmax,
  square,
  sum,
  type Tensor,
  u32,
} from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'

/** A cube whose first or second derivative is wrong by the given factors. */
const cube = (firstFactor: number, secondFactor: number): ((x: Tensor) => Tensor) => {
  const triple: Op<null> = {
    name: 'tripleSquare',
    infer: ([x]) => x!,
    reference: ([x]) => x!.map((value) => 3 * firstFactor * value ** 2),
    vjp: (ct, [x]) => [() => mul(ct, apply(sixfold, [x!], null))],
    kernels: [],
  }
  const sixfold: Op<null> = {
    name: 'sixfold',
    infer: ([x]) => x!,
    reference: ([x]) => x!.map((value) => 6 * firstFactor * secondFactor * value),
    kernels: [],
  }
  const op: Op<null> = {
    name: 'cube',
    infer: ([x]) => x!,
    reference: ([x]) => x!.map((value) => value ** 3),
    vjp: (ct, [x]) => [() => mul(ct, apply(triple, [x!], null))],
    kernels: [],
  }
  return (x) => apply(op, [x], null)
}

const at = [randomPoint(f32(3, 2), 7)]

describe('gradcheck', () => {
  it('accepts right derivatives and returns them', () => {
    const { analytic, numeric } = gradcheck((x) => sum(exp(x)), at)
    expect(Math.abs(analytic - numeric)).toBeLessThan(1e-9)
    expect(Math.abs(analytic)).toBeGreaterThan(0.01)
    gradcheck(cube(1, 1), at)
    gradcheck(cube(1, 1), at, { order: 2 })
  })

  it('refuses a gradient that is wrong by one part in 100,000, and prints both', () => {
    expect(() => gradcheck(cube(1 + 1e-5, 1), at)).toThrow(/order 1 differ\n {2}analytic .*\n {2}numeric /)
  })

  it('refuses a wrong second derivative', () => {
    gradcheck(cube(1, 1.001), at)
    expect(() => gradcheck(cube(1, 1.001), at, { order: 2 })).toThrow('order 2 differ')
  })

  it('refuses NaN', () => {
    const nan: Op<null> = {
      name: 'nan',
      infer: ([x]) => x!,
      reference: ([x]) => x!.map(() => Number.NaN),
      vjp: (ct) => [() => ct],
      kernels: [],
    }
    expect(() => gradcheck((x) => apply(nan, [x], null), at)).toThrow('differ')
  })

  it('checks functions that are linear in some inputs to second order', () => {
    gradcheck((x, y) => mul(square(x), y), [randomPoint(f32(4), 1), randomPoint(f32(4), 2)], { order: 2 })
    gradcheck((x) => sum(x), at, { order: 2 })
  })

  it('holds integer inputs fixed', () => {
    const labels = { spec: u32(4), values: [0, 2, 1, 2] }
    gradcheck(
      (x, classes) => sum(square(classSums(softmax(x), classes))),
      [randomPoint(f32(4, 3), 1), labels],
    )
  })
})
