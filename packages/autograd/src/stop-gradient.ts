import { apply, copy, type Tensor } from '@voxnorm/tensor'

/** The same values, behind which no gradient flows: a constant as far as `grad` is concerned. */
export function stopGradient(x: Tensor): Tensor {
  const { op, params } = copy(x)
  return apply({ ...op, name: 'stopGradient', vjp: () => [null] }, [x], params)
}
