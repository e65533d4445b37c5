import { createRequire } from 'node:module'
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  valueAndGrad,
  vjp,
} from '@jax-js/jax'
import { channelsFirst, channelsLast } from './layout.js'
import { unet } from './unet.js'

const { dependencies } = createRequire(import.meta.url)('./package.json')
const EPSILON = 1e-5
const PLACES = [0, 2, 3, 4]
const KEEP = { keepdims: true }

/**
 * jax-js on WebGPU. Its calls use up their arguments; `.ref` is one more use. The variant `split` convolves sample by
 * sample from 32³ voxels on, where the gradient of the weight would be wrong for more than one.
 */
export async function open() {
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('jax-js has no WebGPU device here')
  defaultDevice('webgpu')
  return { version: dependencies['@jax-js/jax'], variants: ['', 'split'], prepare }
}

async function prepare({ op, backward }, tensors, variant) {
  const [batch, side] = tensors.x.shape
  const split = variant === 'split'
  if (split && (batch === 1 || side < 32 || !['conv', 'unet'].includes(op))) return null
  const ops = opsOf(split)
  if (op !== 'unet') return prepareOp(ops[op], tensors)
  return backward ? prepareStep(ops, tensors) : prepareForward(ops, tensors)
}

const load = (name, tensor) => {
  const { shape, values } = channelsFirst(name, tensor)
  return np.array(values).reshape(shape)
}

const column = (v) => v.reshape([1, v.shape[0], 1, 1, 1])

function opsOf(split) {
  const convolve = (x, w) => lax.convGeneralDilated(x, w, [1, 1, 1], 'SAME')
  const conv = (x, w) => {
    const [batch, , side] = x.shape
    if (!split || batch === 1 || side < 32) return convolve(x, w)
    const samples = np.split(x, batch, 0)
    return np.concatenate(
      samples.map((sample, index) => convolve(sample, index < batch - 1 ? w.ref : w)),
      0,
    )
  }
  const norm = (x, gamma, beta) => {
    const centred = x.ref.sub(np.mean(x, PLACES, KEEP))
    const variance = np.mean(np.square(centred.ref), PLACES, KEEP)
    return centred.mul(column(gamma).div(np.sqrt(variance.add(EPSILON)))).add(column(beta))
  }
  const fixedNorm = (x, gamma, beta, mean, variance) => {
    const scale = column(gamma).div(np.sqrt(column(variance).add(EPSILON)))
    return x.sub(column(mean)).mul(scale).add(column(beta))
  }
  const pool = (x) => lax.reduceWindow(x, np.max, [2, 2, 2], [2, 2, 2])
  const up = (x) => {
    const [n, c, d, h, w] = x.shape
    const apart = x.reshape([n, c, d, 1, h, 1, w, 1])
    return np.broadcastTo(apart, [n, c, d, 2, h, 2, w, 2]).reshape([n, c, 2 * d, 2 * h, 2 * w])
  }
  const network = (parameters, x, training) => {
    const unit = (h, name, index) => {
      const part = (field) => parameters[`${name}.norm${index}.${field}`]
      const y = conv(h, parameters[`${name}.conv${index}.weight`])
      return nn.relu(
        training
          ? norm(y, part('weight'), part('bias'))
          : fixedNorm(y, part('weight'), part('bias'), part('running_mean'), part('running_var')),
      )
    }
    const join = (a, b) => np.concatenate([a, b], 1)
    const head = (h) => conv(h, parameters['out.weight']).add(column(parameters['out.bias']))
    return unet({ unit, pool, up, join, head, keep: (h) => h.ref }, x)
  }
  const dice = (logits, target) => {
    const p = nn.softmax(logits, 1)
    const overlap = np.sum(p.ref.mul(target.ref), PLACES).mul(2)
    const ratio = overlap.div(np.sum(p, PLACES).add(np.sum(target, PLACES)))
    return np.mean(ratio).mul(-1).add(1)
  }
  return { conv, norm, pool, up, network, dice }
}

const map = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]))
const refs = (object) => map(object, (array) => array.ref)
const drop = (object) => {
  for (const array of Object.values(object)) array.dispose()
}
const readAll = async (named) => {
  const results = {}
  for (const [name, array] of Object.entries(named)) {
    const { shape } = array
    const values = Float32Array.from(await array.ref.data())
    results[name] = channelsLast(name, { shape, values })
  }
  return results
}

function prepareOp(op, { dy, ...tensors }) {
  const inputs = map(tensors, (tensor, name) => load(name, tensor))
  const names = Object.keys(inputs)
  const cotangent = dy ? { dy: load('dy', dy) } : {}
  const compiled = jit(({ dy }, inputs) => {
    const values = names.map((name) => inputs[name])
    if (!dy) return { y: op(...values) }
    const [y, back] = vjp(op, values)
    const gradients = back(dy)
    back.dispose()
    return { y, ...Object.fromEntries(names.map((name, index) => [`d${name}`, gradients[index]])) }
  })
  let results = {}
  return {
    step: async () => {
      drop(results)
      results = compiled(refs(cotangent), refs(inputs))
      await blockUntilReady(results)
    },
    outputs: () => readAll(results),
    dispose: () => {
      for (const arrays of [results, inputs, cotangent]) drop(arrays)
      compiled.dispose()
    },
  }
}

function prepareForward({ network }, { x: image, labels: _, ...tensors }) {
  const x = load('x', image)
  const parameters = map(tensors, (tensor, name) => load(name, tensor))
  const compiled = jit((parameters, x) => network(parameters, x, false))
  let results = {}
  return {
    step: async () => {
      drop(results)
      results = { y: compiled(refs(parameters), x.ref) }
      await blockUntilReady(results)
    },
    outputs: () => readAll(results),
    dispose: () => {
      for (const arrays of [results, parameters, { x }]) drop(arrays)
      compiled.dispose()
    },
  }
}

function prepareStep({ network, dice }, { x: image, labels, ...tensors }) {
  const trained = Object.fromEntries(Object.entries(tensors).filter(([name]) => !/running/.test(name)))
  const classes = { shape: [...labels.shape, 4], values: new Float32Array(4 * labels.values.length) }
  labels.values.forEach((label, index) => {
    classes.values[4 * index + label] = 1
  })
  const [x, target] = [load('x', image), load('target', classes)]
  const initial = () => map(trained, (tensor, name) => load(name, tensor))
  const lossAndGradients = valueAndGrad((parameters, x, target) => dice(network(parameters, x, true), target))
  const zeros = () => map(trained, (tensor, name) => np.zeros(channelsFirst(name, tensor).shape))
  let state = { parameters: initial(), first: zeros(), second: zeros(), count: np.array([0]) }
  // The whole step is one compiled function: without that, jax-js is many times slower.
  const compiled = jit((parameters, first, second, count, x, target) => {
    const [loss, gradients] = lossAndGradients(refs(parameters), x, target)
    const steps = count.add(1)
    const correction = (beta) =>
      np
        .exp(steps.ref.mul(Math.log(beta)))
        .mul(-1)
        .add(1)
    const [c1, c2] = [correction(0.9), correction(0.999)]
    const next = { parameters: {}, first: {}, second: {} }
    for (const [name, g] of Object.entries(gradients)) {
      const m = first[name].mul(0.9).add(g.ref.mul(0.1))
      const v = second[name].mul(0.999).add(np.square(g).mul(0.001))
      const root = np.sqrt(v.ref.div(c2.ref)).add(1e-7)
      next.parameters[name] = parameters[name].sub(m.ref.div(c1.ref).mul(1e-3).div(root))
      next.first[name] = m
      next.second[name] = v
    }
    c1.dispose()
    c2.dispose()
    return [loss, next.parameters, next.first, next.second, steps]
  })
  const losses = []
  const step = async () => {
    const { parameters, first, second, count } = state
    const [loss, ...next] = compiled(parameters, first, second, count, x.ref, target.ref)
    state = { parameters: next[0], first: next[1], second: next[2], count: next[3] }
    await blockUntilReady([state.parameters, state.first, state.second])
    losses.push((await loss.data())[0])
  }
  return {
    step,
    outputs: async () => {
      // Handing the gradients out of the step could keep them from being fused, so they are computed again.
      const again = jit(lossAndGradients)
      const [loss, gradients] = again(initial(), x.ref, target.ref)
      const results = {}
      for (const [name, array] of Object.entries(gradients)) {
        const { shape } = array
        const values = Float32Array.from(await array.data())
        results[`d.${name}`] = channelsLast(name, { shape, values })
      }
      loss.dispose()
      again.dispose()
      await step()
      for (const count of [1, 2]) {
        results[`loss.${count}`] = { shape: [1], values: Float32Array.of(losses[count - 1]) }
      }
      return results
    },
    dispose: () => {
      for (const arrays of [state.parameters, state.first, state.second, { count: state.count, x, target }]) {
        drop(arrays)
      }
      compiled.dispose()
    },
  }
}
