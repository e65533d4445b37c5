import { gradcheck } from '@voxnorm/autograd'
import { allCases } from '@voxnorm/tensor/testing'
import { fill } from '@voxnorm/tensor/tuning'
import { describe, it } from 'vitest'

const differentiable = Object.entries(allCases)
  .map(([folder, { cases }]) => [folder, cases.filter(({ order = 1 }) => order > 0)] as const)
  .filter(([, cases]) => cases.length > 0)

describe.each(differentiable)('gradients of %s', (_folder, checked) => {
  it.each(checked.map((opCase) => [`${opCase.op.name} ${opCase.name}`, opCase] as const))(
    '%s',
    (_, opCase) => {
      const at = opCase.inputs.map((inputCase, index) => ({
        spec: inputCase.spec,
        values: Array.from(fill(inputCase, index + 1)),
      }))
      const order = (opCase.order ?? 1) as 1 | 2
      gradcheck((...inputs) => opCase.build(inputs), at, { order })
    },
  )
})
