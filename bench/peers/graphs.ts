import { bind, fromFile, grad, initialValues, type Network } from '@voxnorm/autograd'
import { dicePerClass, runUNet3d, type UNet3d, uNet3d } from '@voxnorm/models'
import {
  batchNorm,
  conv3d,
  elements,
  execute,
  f32,
  input,
  maxPool,
  softmax,
  type Tensor,
  u32,
  upsample,
  type Variable,
} from '@voxnorm/tensor'
import { uniform } from '@voxnorm/tensor/tuning'
import { type Case, UNET } from './cases.ts'
import type { Exchanged, Tensors } from './exchange.ts'

/** The op of a case in our engine, with the gradients for `dy` where it has one: `y`, `dx`, `dw` and so on. */
export function operation(leaves: Readonly<Record<string, Tensor>>, op: Case['op']): Record<string, Tensor> {
  const { dy, ...inputs } = leaves
  const { x, w, gamma, beta } = inputs
  const y = {
    conv: () => conv3d(x!, w!, null, { stride: 1, padding: 1, mode: 'zero' }),
    norm: () => batchNorm(x!, gamma!, beta!, { epsilon: 1e-5 }),
    pool: () => maxPool(x!),
    up: () => upsample(x!),
    unet: (): never => {
      throw new RangeError('the U-Net is no single op')
    },
  }[op]()
  if (!dy) return { y }
  const gradients = grad(y, Object.values(inputs), { ct: dy })
  return {
    y,
    ...Object.fromEntries(Object.keys(inputs).map((name, index) => [`d${name}`, gradients[index]!])),
  }
}

/** The U-Net of the case `unet`: that of @voxnorm/models, whose parameters are called `enc1.conv0.weight` and so on. */
export const unetNetwork = (): Network<UNet3d> => bind('unet', uNet3d(UNET.base, 1, UNET.classes))

/** A parameter's name without the network's. */
export const shortName = (name: string): string => name.replace(/^unet\./, '')

const { batch, side, classes } = UNET
const EXTENT = [batch, side, side, side] as const

/** Its graph: `logits` in evaluation mode, else the Dice loss, with the pass whose statistics follow. */
export function unetGraph({ weights }: Network<UNet3d>, backward: boolean) {
  const x = input('x', f32(...EXTENT, 1))
  const mode = backward ? 'training' : 'evaluation'
  const pass = runUNet3d(weights, x, { padding: 'zero', activation: 'relu', mode })
  const labels = input('labels', u32(...EXTENT))
  const loss = dicePerClass(softmax(pass.output), labels, Array(classes).fill(1))
  return { pass, logits: pass.output, loss }
}

/** The values that all peers start from: the same in every run. */
export function inputsOf(theCase: Case): Tensors {
  const next = uniform(1)
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  if (theCase.op === 'unet') return unetInputs(normal)
  const scale = { x: 1, dy: 1, gamma: 0.1, beta: 0.1, w: (27 * (theCase.shapes['w']?.[3] ?? 1)) ** -0.5 }
  return Object.fromEntries(
    Object.entries(theCase.shapes).map(([name, shape]) => {
      const draw = () => (name === 'gamma' ? 1 : 0) + scale[name as keyof typeof scale] * normal()
      return [name, { shape, values: Float32Array.from({ length: elements(shape) }, draw) }]
    }),
  )
}

/** An image of nested balls in noise, its labels, and weights: a target that the image explains. */
function unetInputs(normal: () => number): Tensors {
  const labels = new Float32Array(elements(EXTENT))
  for (let index = 0; index < labels.length; index++) {
    const along = (stride: number) => ((Math.floor(index / stride) % side) - (side - 1) / 2) / (side / 2)
    const radius = Math.hypot(along(1) - 0.1, along(side), along(side * side))
    labels[index] = Math.max(0, Math.min(classes - 1, Math.ceil((0.9 - radius) / 0.22)))
  }
  const tensors: Record<string, Exchanged> = {
    x: { shape: [...EXTENT, 1], values: labels.map((label) => label - 1 + 0.3 * normal()) },
    labels: { shape: EXTENT, values: labels },
  }
  const { trained, statistics } = unetNetwork()
  for (const { name, spec, layout, init } of [...trained, ...statistics]) {
    // Batch norm takes away what these would add: peers leave them out, and ours are zero.
    if (/conv\d\.bias$/.test(name)) continue
    const values = fromFile(initialValues(init, elements(spec.shape), 1, name), layout)
    const jitter = /running/.test(name) ? values.map((value) => value + 0.1 * Math.abs(normal())) : values
    tensors[shortName(name)] = { shape: spec.shape, values: jitter }
  }
  return tensors
}

/** What a case should give, in float64 by the reference executor. Of the U-Net's losses it gives the first. */
export function truthOf(theCase: Case, inputs: Tensors): Record<string, Float64Array> {
  if (theCase.op !== 'unet') {
    const leaves = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => [name, input(name, f32(...shape))]),
    )
    const outputs = operation(leaves, theCase.op)
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { values }]) => [name, values]))
    return named(outputs, { inputs: feeds })
  }
  const network = unetNetwork()
  const { logits, loss } = unetGraph(network, theCase.backward)
  const variables = new Map<Variable, ArrayLike<number>>(
    [...network.trained, ...network.statistics].map(({ name, variable }) => [
      variable,
      inputs[shortName(name)]?.values ?? new Float32Array(elements(variable.spec.shape)),
    ]),
  )
  const feeds = { inputs: { x: inputs['x']!.values, labels: inputs['labels']!.values }, variables }
  if (!theCase.backward) return named({ y: logits }, feeds)
  const compared = network.trained.filter(({ name }) => shortName(name) in inputs)
  const gradients = grad(
    loss,
    compared.map(({ tensor }) => tensor),
  )
  return named(
    {
      'loss.1': loss,
      ...Object.fromEntries(compared.map(({ name }, index) => [`d.${shortName(name)}`, gradients[index]!])),
    },
    feeds,
  )
}

function named(
  outputs: Record<string, Tensor>,
  feeds: Parameters<typeof execute>[1],
): Record<string, Float64Array> {
  const values = execute(Object.values(outputs), feeds)
  return Object.fromEntries(Object.keys(outputs).map((name, index) => [name, values[index]!]))
}
