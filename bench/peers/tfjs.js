import { createRequire } from 'node:module'
import { unet } from './unet.js'

// Its modules for CommonJS only: those for import lack the extensions that Node asks for.
const require = createRequire(import.meta.url)
const EPSILON = 1e-5

/** tfjs on WebGPU, with the detours that it needs here; README.md has a list. */
export async function open() {
  const tf = require('@tensorflow/tfjs')
  require('@tensorflow/tfjs-backend-webgpu')
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs has no WebGPU backend here')
  await tf.ready()
  const context = { tf, ...opsOf(tf), finish: () => finish(tf.backend()) }
  const prepare = async ({ op, backward }, tensors) => {
    if (op !== 'unet') return prepareOp(context, op, backward, tensors)
    return backward ? prepareStep(context, tensors) : prepareForward(context, tensors)
  }
  return { version: tf.version_core, variants: [''], prepare }
}

/** tfjs collects commands; without this nothing would run. */
async function finish(backend) {
  if (backend.commandEncoder) {
    backend.endComputePassEncoder()
    backend.submitQueue()
  }
  await backend.queue.onSubmittedWorkDone()
}

function opsOf(tf) {
  const conv = (x, w) => tf.conv3d(x, w, 1, 'same')
  // Its gradient is defined up to rank four only.
  const normWith = (x, gamma, beta, mean, variance) => {
    const [n, d, h, w, c] = x.shape
    const flat = tf.batchNorm(tf.reshape(x, [n * d, h, w, c]), mean, variance, beta, gamma, EPSILON)
    return tf.reshape(flat, x.shape)
  }
  const norm = (x, gamma, beta) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2, 3])
    return normWith(x, gamma, beta, mean, variance)
  }
  const pool = (x) => tf.maxPool3d(x, 2, 2, 'valid')
  // There is no such op in three dimensions: one resize doubles height and width, a second one the depth.
  const up = (x) => {
    const [n, d, h, w, c] = x.shape
    const planes = tf.image.resizeNearestNeighbor(tf.reshape(x, [n * d, h, w, c]), [2 * h, 2 * w])
    const rows = tf.reshape(planes, [n, d, 4 * h * w, c])
    return tf.reshape(tf.image.resizeNearestNeighbor(rows, [2 * d, 4 * h * w]), [n, 2 * d, 2 * h, 2 * w, c])
  }
  const network = (parameters, x, training) => {
    const unit = (h, name, index) => {
      const part = (field) => parameters[`${name}.norm${index}.${field}`]
      const y = conv(h, parameters[`${name}.conv${index}.weight`])
      return tf.relu(
        training
          ? norm(y, part('weight'), part('bias'))
          : normWith(y, part('weight'), part('bias'), part('running_mean'), part('running_var')),
      )
    }
    // A tensor of rank five plus one of rank one gives invalid WGSL and zeros without an error: hence rank two.
    const head = (h) => {
      const y = conv(h, parameters['out.weight'])
      return tf.reshape(tf.add(tf.reshape(y, [-1, y.shape[4]]), parameters['out.bias']), y.shape)
    }
    return unet({ unit, pool, up, join: (a, b) => tf.concat([a, b], 4), head }, x)
  }
  const dice = (logits, target) => {
    const p = tf.softmax(tf.reshape(logits, target.shape))
    const overlap = tf.mul(2, tf.sum(tf.mul(p, target), 0))
    return tf.sub(1, tf.mean(tf.div(overlap, tf.add(tf.sum(p, 0), tf.sum(target, 0)))))
  }
  return { conv, norm, pool, up, network, dice }
}

const readAll = async (named) => {
  const results = {}
  for (const [name, tensor] of Object.entries(named)) {
    results[name] = { shape: tensor.shape, values: Float32Array.from(await tensor.data()) }
  }
  return results
}

function prepareOp({ tf, finish, ...ops }, op, backward, { dy, ...tensors }) {
  const names = Object.keys(tensors)
  const inputs = names.map((name) => tf.tensor(tensors[name].values, tensors[name].shape))
  const cotangent = dy && tf.tensor(dy.values, dy.shape)
  let results = {}
  return {
    step: async () => {
      tf.dispose(results)
      if (backward) {
        const { value, grads } = tf.valueAndGrads(ops[op])(inputs, cotangent)
        results = { y: value, ...Object.fromEntries(names.map((name, index) => [`d${name}`, grads[index]])) }
      } else results = { y: tf.tidy(() => ops[op](...inputs)) }
      await finish()
    },
    outputs: () => readAll(results),
    deviceBytes: () => tf.memory().numBytesInGPUAllocated,
    dispose: () => tf.dispose([results, inputs, cotangent]),
  }
}

const load = (tf, { x, labels, ...parameters }) => ({
  x: tf.tensor(x.values, x.shape),
  target: tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labels.values, 'int32'), 4), 'float32')),
  parameters: Object.fromEntries(
    Object.entries(parameters).map(([name, { values, shape }]) => [
      name,
      tf.variable(tf.tensor(values, shape), !/running/.test(name), name),
    ]),
  ),
})

function prepareForward({ tf, finish, network }, tensors) {
  const { x, target, parameters } = load(tf, tensors)
  let y = []
  return {
    step: async () => {
      tf.dispose(y)
      y = tf.tidy(() => network(parameters, x, false))
      await finish()
    },
    outputs: () => readAll({ y }),
    deviceBytes: () => tf.memory().numBytesInGPUAllocated,
    dispose: () => tf.dispose([y, x, target, parameters]),
  }
}

function prepareStep({ tf, finish, network, dice }, tensors) {
  const { x, target, parameters } = load(tf, tensors)
  const trained = Object.values(parameters).filter(({ trainable }) => trainable)
  const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-7)
  const losses = []
  let gradients = {}
  const step = async () => {
    tf.dispose(gradients)
    const { value, grads } = tf.variableGrads(() => dice(network(parameters, x, true), target), trained)
    optimizer.applyGradients(grads)
    gradients = grads
    await finish()
    losses.push((await value.data())[0])
    value.dispose()
  }
  return {
    step,
    outputs: async () => {
      const results = await readAll(
        Object.fromEntries(Object.entries(gradients).map(([name, tensor]) => [`d.${name}`, tensor])),
      )
      await step()
      for (const count of [1, 2]) {
        results[`loss.${count}`] = { shape: [1], values: Float32Array.of(losses[count - 1]) }
      }
      return results
    },
    deviceBytes: () => tf.memory().numBytesInGPUAllocated,
    dispose: () => {
      tf.dispose([gradients, x, target, parameters])
      optimizer.dispose()
    },
  }
}
