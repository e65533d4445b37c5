import { unet } from './unet.js'

// A model in ONNX is a Protocol Buffers message. These write the few kinds of field that are needed:
// https://protobuf.dev/programming-guides/encoding/ and onnx.proto for the numbers of the fields.
const varint = (value) => {
  const bytes = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
const integer = (field, value) => Buffer.concat([varint(field * 8), varint(value)])
const float = (field, value) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([varint(field * 8 + 5), bytes])
}
const block = (field, ...parts) => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content])
}

const FLOAT = 1
const OPSET = 13

const attribute = ([name, value]) => {
  if (Array.isArray(value)) {
    return block(5, block(1, name), ...value.map((item) => integer(8, item)), integer(20, 7))
  }
  if (typeof value === 'string') return block(5, block(1, name), block(4, value), integer(20, 3))
  return Number.isInteger(value)
    ? block(5, block(1, name), integer(3, value), integer(20, 2))
    : block(5, block(1, name), float(2, value), integer(20, 1))
}
const nodeOf = (type, inputs, output, attributes) =>
  block(
    1,
    ...inputs.map((name) => block(1, name)),
    block(2, output),
    block(4, type),
    ...Object.entries(attributes).map(attribute),
  )
const initializer = (name, { shape, values }) =>
  block(
    5,
    ...shape.map((size) => integer(1, size)),
    integer(2, FLOAT),
    block(8, name),
    block(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  )
const value = (field, name, shape) => {
  const dimensions = shape && block(2, ...shape.map((size) => block(1, integer(1, size))))
  return block(field, block(1, name), block(2, block(1, integer(1, FLOAT), dimensions ?? [])))
}

const CONVOLUTION = { kernel_shape: [3, 3, 3], pads: [1, 1, 1, 1, 1, 1] }
const POOL = { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }
const NEAREST = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }

/** The model of a case's forward pass from `x` (and `w`) to `y`, tensors channels first, weights inside. */
export function modelOf(op, tensors) {
  const nodes = []
  const weights = { scales: { shape: [5], values: Float32Array.of(1, 1, 2, 2, 2) } }
  const add = (type, inputs, attributes = {}) => {
    for (const name of inputs) if (tensors[name] && !['x', 'w'].includes(name)) weights[name] = tensors[name]
    const output = `t${nodes.length}`
    nodes.push({ type, inputs, output, attributes })
    return output
  }
  const unit = (h, name, index) => {
    const norm = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => `${name}.norm${index}.${part}`,
    )
    const y = add('Conv', [h, `${name}.conv${index}.weight`], CONVOLUTION)
    return add('Relu', [add('BatchNormalization', [y, ...norm], { epsilon: 1e-5 })])
  }
  const pool = (h) => add('MaxPool', [h], POOL)
  const up = (h) => add('Resize', [h, '', 'scales'], NEAREST)
  const join = (a, b) => add('Concat', [a, b], { axis: 1 })
  const head = (h) => add('Conv', [h, 'out.weight', 'out.bias'], { kernel_shape: [1, 1, 1] })
  const passes = {
    conv: () => add('Conv', ['x', 'w'], CONVOLUTION),
    pool: () => pool('x'),
    up: () => up('x'),
    unet: () => unet({ unit, pool, up, join, head }, 'x'),
  }
  passes[op]()
  nodes.at(-1).output = 'y'
  const inputs = op === 'conv' ? ['x', 'w'] : ['x']
  const graph = block(
    7,
    ...nodes.map(({ type, inputs, output, attributes }) => nodeOf(type, inputs, output, attributes)),
    block(2, op),
    ...Object.entries(weights).map(([name, tensor]) => initializer(name, tensor)),
    ...inputs.map((name) => value(11, name, tensors[name].shape)),
    value(12, 'y'),
  )
  return Buffer.concat([integer(1, 7), graph, block(8, block(1, ''), integer(2, OPSET))])
}
