import {
  convolutionWeight,
  filledWith,
  GradientError,
  grad,
  gradcheck,
  randomPoint,
  stopGradient,
} from '@voxnorm/autograd'
import {
  add,
  apply,
  batchNorm,
  channelDropout,
  classSums,
  collect,
  concat,
  constant,
  conv3d,
  div,
  execute,
  exp,
  f32,
  input,
  leakyRelu,
  log,
  logSoftmax,
  matmul,
  maxPool,
  mean,
  mul,
  type Op,
  reshape,
  sigmoid,
  sliceChannels,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  u32,
  upsample,
} from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'
import { fromFile, toFile } from '../src/layout.ts'
import { expectGolden, goldenCases, goldenTensor, hasGolden } from './golden.ts'

function nodesOf(...roots: Tensor[]): Set<Tensor> {
  const nodes = new Set(roots)
  for (const node of nodes) for (const one of node.inputs) nodes.add(one)
  return nodes
}

const opNames = (nodes: readonly Tensor[]) => nodes.map(({ op }) => op.name)
const value = (node: Tensor, inputs: Record<string, number | number[]>) => [
  ...execute([node], { inputs })[0]!,
]

describe('grad', () => {
  it('gives derivatives of scalars', () => {
    const x = input('x', f32())
    const y = input('y', f32())
    const [dx, dy] = grad(add(mul(square(x), y), log(y)), [x, y])
    expect(value(dx!, { x: 3, y: 2 })).toEqual([12])
    expect(value(dy!, { x: 3, y: 2 })).toEqual([9.5])
  })

  it('adds the shares of all uses of a node', () => {
    const x = input('x', f32())
    const s = add(x, x)
    const [dx] = grad(add(mul(s, s), mul(s, x)), [x])
    expect(value(dx!, { x: 5 })).toEqual([8 * 5 + 4 * 5])
  })

  it('differentiates with respect to nodes in the middle, and past them', () => {
    const x = input('x', f32())
    const middle = square(x)
    const [dMiddle, dx] = grad(square(middle), [middle, x])
    expect(value(dMiddle!, { x: 3 })).toEqual([18])
    expect(value(dx!, { x: 3 })).toEqual([108])
  })

  it('keeps the digits of a sigmoid where its value has rounded to 1', () => {
    const x = input('x', f32())
    const [dx] = grad(sigmoid(x), [x])
    expect(value(dx!, { x: 40 })[0]! * Math.exp(40)).toBeCloseTo(1, 12)
    expect(value(dx!, { x: -40 })[0]! * Math.exp(40)).toBeCloseTo(1, 12)
  })

  it('of a loss with respect to itself is its cotangent', () => {
    const x = input('x', f32())
    expect(value(grad(x, [x])[0]!, { x: 3 })).toEqual([1])
  })

  it('begins with a cotangent where the loss is no scalar', () => {
    const x = input('x', f32(3))
    const [dx] = grad(square(x), [x], { ct: constant(f32(3), [1, 10, 100]) })
    expect(value(dx!, { x: [1, 2, 3] })).toEqual([2, 40, 600])
  })

  it('can be applied again and again', () => {
    const x = input('x', f32())
    const derivative = (y: Tensor) => grad(y, [x])[0]!
    const third = derivative(derivative(derivative(mul(square(x), square(x)))))
    expect(value(third, { x: 2 })).toEqual([48])
    expect(value(derivative(derivative(exp(mul(x, x)))), { x: 0.5 })[0]).toBeCloseTo(3 * Math.exp(0.25), 12)
  })
})

describe('grad visits only what leads to a target', () => {
  const x = input('x', f32(2, 4, 4, 4, 1))
  const generatorWeight = input('generator', f32(3, 3, 3, 1, 1))
  const discriminatorWeight = input('discriminator', f32(3, 3, 3, 1, 2))
  const params = { stride: 1, padding: 1, mode: 'zero' } as const
  const generated = sigmoid(conv3d(x, generatorWeight, null, params))
  const loss = mean(square(conv3d(generated, discriminatorWeight, null, params)))
  const forward = nodesOf(loss)
  const added = (gradients: Tensor[]) => [...nodesOf(...gradients)].filter((node) => !forward.has(node))

  it("leaves the generator alone in the discriminator's step", () => {
    const forDiscriminator = added(grad(loss, [discriminatorWeight]))
    const forBoth = added(grad(loss, [discriminatorWeight, generatorWeight]))
    expect(opNames(forDiscriminator).filter((name) => name.startsWith('conv3d'))).toEqual(['conv3dWeight'])
    expect(
      opNames(forBoth)
        .filter((name) => name.startsWith('conv3d'))
        .sort(),
    ).toEqual(['conv3dInput', 'conv3dWeight', 'conv3dWeight'])
    expect(forBoth.length).toBeGreaterThan(forDiscriminator.length + 3)
  })

  it('calls no gradient rule and no thunk that is not needed', () => {
    const calls: string[] = []
    const spy: Op<string> = {
      name: 'spy',
      infer: ([a]) => a!,
      reference: ([a]) => a!,
      kernels: [],
      vjp: (ct, [, b], _, name) => {
        calls.push(name)
        return [() => ct, () => mul(ct, b!)].map((thunk, index) => () => {
          calls.push(`${name}.${index}`)
          return thunk()
        })
      },
    }
    const [a, b, c] = ['a', 'b', 'c'].map((name) => input(name, f32()))
    const first = apply(spy, [a!, b!], 'first')
    const second = apply(spy, [first, c!], 'second')
    grad(second, [c!])
    expect(calls).toEqual(['second', 'second.1'])
    calls.length = 0
    grad(second, [b!])
    expect(calls).toEqual(['second', 'second.0', 'first', 'first.1'])
  })

  it('stops at stopGradient', () => {
    const a = input('a', f32())
    const [da] = grad(mul(stopGradient(square(a)), a), [a])
    expect(value(da!, { a: 3 })).toEqual([9])
    expect(() => grad(stopGradient(a), [a])).toThrow(GradientError)
  })
})

describe('grad says what is wrong', () => {
  const x = input('x', f32(2, 3))

  it('with a loss that is no scalar', () => {
    expect(() => grad(square(x), [x])).toThrow(
      'grad: the loss must be a scalar\n  f32[2,3]  square\n  fix: reduce it with sum or mean, or give a cotangent',
    )
    expect(() => grad(square(x), [x], { ct: constant(f32(), [1]) })).toThrow(
      'the cotangent must have the shape',
    )
  })

  it('with a target that the loss does not depend on', () => {
    expect(() => grad(sum(x), [x, input('segmenter.out.weight', f32(4))])).toThrow(
      'grad: the loss reshape does not depend on a target\n  f32[4]  segmenter.out.weight\n  fix: ',
    )
  })

  it('with an op that has no gradient rule, only where it matters', () => {
    const blunt: Op<null> = { name: 'argmax', infer: ([a]) => a!, reference: ([a]) => a!, kernels: [] }
    const rounded = apply(blunt, [x], null, 'rounded labels')
    expect(() => grad(sum(rounded), [x])).toThrow(
      'grad: argmax has no gradient rule\n  f32[2,3]  rounded labels',
    )
    expect(grad(sum(mul(rounded, stopGradient(x))), [rounded])).toHaveLength(1)
  })

  it('with a gradient rule that gives the wrong shape', () => {
    const wrong: Op<null> = {
      name: 'wrong',
      infer: () => f32(),
      reference: () => new Float64Array(1),
      vjp: (ct) => [() => ct],
      kernels: [],
    }
    expect(() => grad(apply(wrong, [x], null), [x])).toThrow('wrong: its gradient rule gives another shape')
  })
})

describe('gradients of compositions agree with finite differences', () => {
  const convolution = (mode: 'zero' | 'replicate', stride: number) => ({ mode, stride, padding: 1 })
  const linearNet = (x: Tensor, w0: Tensor, b0: Tensor, w1: Tensor) =>
    matmul(leakyRelu(add(matmul(x, w0), b0), 0.2), w1)

  it.each([1, 2] as const)('linear layers with leaky ReLU, order %i', (order) => {
    const at = [f32(3, 4), f32(4, 5), f32(5), f32(5, 2)].map((spec, seed) => randomPoint(spec, seed))
    gradcheck(linearNet, at, { order })
  })

  it.each([
    ['zero', 1, 1],
    ['zero', 2, 2],
    ['replicate', 1, 2],
    ['replicate', 2, 1],
    ['replicate', 2, 2],
  ] as const)('convolutions with %s padding and stride %i, order %i', (mode, stride, order) => {
    const at = [f32(2, 4, 3, 5, 2), f32(3, 3, 3, 2, 3), f32(3), f32(3, 3, 3, 3, 2)].map((spec, seed) =>
      randomPoint(spec, seed),
    )
    gradcheck(
      (x, w0, bias, w1) => {
        const hidden = sigmoid(conv3d(x, w0, bias, convolution(mode, stride)))
        return mean(square(conv3d(hidden, w1, null, convolution(mode, 1))))
      },
      at,
      { order },
    )
  })

  it('a gradient penalty: the squared norm of an input gradient', () => {
    const at = [f32(2, 3, 3, 3, 1), f32(3, 3, 3, 1, 2), f32(3, 3, 3, 2, 1)].map((spec, seed) =>
      randomPoint(spec, seed),
    )
    gradcheck((x, w0, w1) => {
      const score = sum(
        sigmoid(
          conv3d(sigmoid(conv3d(x, w0, null, convolution('zero', 1))), w1, null, convolution('zero', 2)),
        ),
      )
      return square(sub(sqrt(sum(square(grad(score, [x])[0]!))), constant(f32(), [1])))
    }, at)
  })

  it('a small U-Net with batch norm, under a loss of class sums', () => {
    const labels = {
      spec: u32(2, 4, 4, 4),
      values: Array.from({ length: 128 }, (_, i) => (i * i + (i >> 4)) % 3),
    }
    const at = [
      randomPoint(f32(2, 4, 4, 4, 1), 1),
      randomPoint(f32(3, 3, 3, 1, 3), 2),
      randomPoint(f32(3), 3, 0.5, 1.5),
      randomPoint(f32(3), 4),
      randomPoint(f32(3, 3, 3, 3, 2), 5),
      randomPoint(f32(1, 1, 1, 5, 3), 6),
      labels,
    ]
    gradcheck((x, w0, scale, shift, w1, w2, classes) => {
      const skip = batchNorm(conv3d(x, w0, null, convolution('replicate', 1)), scale, shift, {
        epsilon: 1e-5,
        slope: 0,
      })
      const deep = leakyRelu(conv3d(maxPool(skip), w1, null, convolution('replicate', 1)), 0.2)
      const logits = conv3d(concat([skip, upsample(deep)]), w2, null, { stride: 1, padding: 0, mode: 'zero' })
      const probabilities = softmax(logits)
      return log(sum(square(classSums(probabilities, classes))))
    }, at)
  })

  it('a discriminator with dropout, under cross-entropy', () => {
    const at = [
      randomPoint(f32(2, 4, 4, 4, 1), 1),
      randomPoint(f32(3, 3, 3, 1, 4), 2),
      randomPoint(f32(32, 3), 3),
      { spec: u32(), values: [11] },
    ]
    gradcheck((x, w0, w1, seed) => {
      const hidden = leakyRelu(conv3d(x, w0, null, convolution('replicate', 2)), 0.2)
      const kept = channelDropout(hidden, 0.25, seed, 1)
      return mean(sliceChannels(logSoftmax(matmul(reshape(kept, [2, 32]), w1)), 2, 1))
    }, at)
  })

  it('broadcasting, division and views, order 2', () => {
    const at = [
      randomPoint(f32(2, 3), 1, 0.5, 1.5),
      randomPoint(f32(3), 2, 1, 2),
      randomPoint(f32(), 3, 1, 2),
    ]
    gradcheck((a, b, c) => div(mul(reshape(exp(div(a, b)), [3, 2]), c), sum(a)), at, { order: 2 })
  })
})

describe.skipIf(!hasGolden)('gradients agree with PyTorch (needs ../shared)', () => {
  it.each(goldenCases('conv3d').map((item) => [item.id, item]))('%s', (_, item) => {
    const { kernel, stride, pad, pad_mode: mode } = item.attrs
    const [n, inputs, ...space] = item.inputs.x.shape
    const outputs = item.inputs.weight.shape[0]
    const activation = ([batch, channels, ...sides]: number[]) => ({
      shape: [batch!, channels!, ...sides],
      engineAxes: [batch!, ...sides, channels!],
      permutation: [0, 4, 1, 2, 3],
    })
    const { layout: weightLayout } = convolutionWeight(kernel, inputs, outputs, filledWith(0))
    const floats = (reference: { tensor: string }) => goldenTensor(item, reference).values as Float32Array
    const xLayout = activation(item.inputs.x.shape)
    const yLayout = activation(item.inputs.dy.shape)
    const x = input('x', f32(n, ...space, inputs))
    const weight = input('weight', f32(...weightLayout.engineAxes))
    const bias = item.inputs.bias ? input('bias', f32(outputs)) : null
    const dy = input('dy', f32(...yLayout.engineAxes))
    const y = conv3d(x, weight, bias, { stride, padding: pad, mode })
    const targets = bias ? [x, weight, bias] : [x, weight]
    const results = execute([y, ...grad(y, targets, { ct: dy })], {
      inputs: {
        x: fromFile(floats(item.inputs.x), xLayout),
        weight: fromFile(floats(item.inputs.weight), weightLayout),
        dy: fromFile(floats(item.inputs.dy), yLayout),
        ...(bias ? { bias: floats(item.inputs.bias) } : {}),
      },
    }).map((values) => Float32Array.from(values))
    const check = (got: Float32Array, reference: unknown) => expectGolden(got, item, reference)
    check(toFile(results[0]!, yLayout), item.outputs.y)
    if (item.grads.x) check(toFile(results[1]!, xLayout), item.grads.x)
    check(toFile(results[2]!, weightLayout), item.grads.weight)
    if (bias) check(results[3]!, item.grads.bias)
  })
})

describe('the decoder of a network that calls for no rewrite', () => {
  const operands = () => {
    const skip = input('skip', f32(1, 2, 4, 2, 2))
    const low = input('low', f32(1, 1, 2, 1, 3))
    const w = input('w', f32(3, 3, 3, 5, 2))
    const joined = concat([skip, upsample(low)])
    const y = conv3d(joined, w, null, { stride: 1, padding: 1, mode: 'replicate' })
    return { joined, y, targets: [skip, low, w] }
  }

  it('is differentiated from low resolution', () => {
    const { joined, y, targets } = operands()
    const gradients = grad(sum(square(y)), targets)
    expect(opNames(collect(gradients))).toContain('upsampledConv3dWeight')
    expect(opNames(collect(gradients))).not.toContain('upsample')
    // The gradient of what was joined needs the composition as it was written. Both have the same values.
    const written = grad(sum(square(y)), [...targets, joined]).slice(0, targets.length)
    expect(opNames(collect(written))).toContain('upsample')
    const inputs = Object.fromEntries(
      targets.map(({ spec, label }, index) => [label!, randomPoint(spec, index).values]),
    )
    const [got, expected] = [gradients, written].map((tensors) => execute(tensors, { inputs }))
    got!.forEach((values, index) => {
      for (const [at, value] of values.entries()) expect(value).toBeCloseTo(expected![index]![at]!, 10)
    })
  })

  it('has second derivatives, also with respect to its own result', () => {
    const { y } = operands()
    const loss = sum(square(square(y)))
    const first = grad(loss, [y])
    expect(grad(sum(square(first[0]!)), [y])).toHaveLength(1)
  })
})
