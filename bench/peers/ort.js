import ort from 'onnxruntime-node'
import { channelsFirst, channelsLast } from './layout.js'
import { modelOf } from './onnx.js'

/** onnxruntime: it cannot train. Its WebGPU provider brings a Dawn of its own, which only VK_DRIVER_FILES can steer. */
export async function open() {
  const drivers = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? 'its own choice'
  return {
    version: ort.env.versions.node ?? ort.env.versions.common,
    variants: ['webgpu', 'cpu'],
    adapters: { webgpu: `onnxruntime's Dawn (${drivers})`, cpu: 'CPU' },
    prepare,
  }
}

async function prepare({ op, backward }, tensors, provider) {
  if (backward || op === 'norm') return null
  const first = Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, channelsFirst(name, tensor)]),
  )
  const session = await ort.InferenceSession.create(modelOf(op, first), {
    executionProviders: [provider],
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => [
      name,
      new ort.Tensor('float32', first[name].values, first[name].shape),
    ]),
  )
  let y
  return {
    step: async () => {
      y = (await session.run(feeds)).y
    },
    outputs: async () => ({ y: channelsLast('y', { shape: y.dims.map(Number), values: y.data }) }),
    dispose: () => void session.release(),
  }
}
