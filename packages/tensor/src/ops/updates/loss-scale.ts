import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { type Tensor, type Update, update } from '../../graph/tensor.ts'
import { linearGrid, type Stage, type UpdateOp } from '../../op.ts'

const lossScaleSource = () => import('./loss-scale.wgsl')
const nonFiniteSource = () => import('./non-finite.wgsl')
/** How a dynamic loss scale grows. */
interface LossScaleParams {
  /** Clean steps in a row after which it doubles. */
  readonly growthSteps: number
}

/** Invocations that look for numbers that are not finite; each leaves a flag. */
const SHARES = 8192

/** Scale that no run of clean steps exceeds; the same as in loss-scale.wgsl. */
const LARGEST_SCALE = 2 ** 24

const sharesOf = ({ shape }: Spec): number => Math.min(SHARES, elements(shape))

/**
 * `(scaling [3], …gradients)`: halves the scale where a gradient is not finite, doubles it after many clean steps. What
 * `scaling` holds is told in loss-scale.wgsl.
 */
export const lossScaleOp: UpdateOp<LossScaleParams> = {
  name: 'lossScale',
  updates: [0],
  check([scaling]) {
    if (!sameShape(scaling!.shape, [3])) throw new ShapeError('lossScale', 'the state must be [3]')
  },
  reference([scaling, ...gradients], { growthSteps }) {
    const [scale, clean] = scaling as unknown as [number, number]
    const isClean = gradients.every((values) => values.every(Number.isFinite))
    if (!isClean) return [Float64Array.of(Math.max(scale / 2, 1), 0, 0)]
    const grows = clean + 1 >= growthSteps
    const next = grows ? Math.min(2 * scale, LARGEST_SCALE) : scale
    return [Float64Array.of(next, grows ? 0 : clean + 1, 1 / scale)]
  },
  program([, ...gradients], { growthSteps }) {
    let flags = 0
    const looks = gradients.map((spec, index): Stage => {
      const shares = sharesOf(spec)
      const first = flags
      flags += shares
      return {
        source: nonFiniteSource,
        file: 'non-finite.wgsl',
        bindings: [`input${index + 1}`, 'scratch0'],
        uniforms: { u32: [elements(spec.shape), shares, first] },
        grid: linearGrid(shares, 64),
      }
    })
    const decision: Stage = {
      source: lossScaleSource,
      file: 'loss-scale.wgsl',
      bindings: ['input0', 'scratch0'],
      uniforms: { u32: [flags], f32: [growthSteps] },
      grid: [1, 1, 1],
    }
    return { scratch: [flags], stages: [...looks, decision] }
  },
}

/** Moves a loss scale `scaling [3]` by the gradients that it led to. It comes before the updates that use them. */
export const lossScaleUpdate = (
  scaling: Tensor,
  gradients: readonly Tensor[],
  params: LossScaleParams,
): Update => update(lossScaleOp, [scaling, ...gradients], params)
