import code from './double.wgsl'

/** What the page found and computed. */
export interface Result {
  readonly vendor: string
  readonly architecture: string
  readonly doubled: readonly number[]
}

/** Opens a device and doubles four numbers on it. */
export async function run(): Promise<Result> {
  const adapter = await navigator.gpu.requestAdapter()
  if (!adapter) throw new Error('the browser offers no WebGPU adapter')
  const device = await adapter.requestDevice()
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage
  const numbers = device.createBuffer({ size: 16, usage: STORAGE | COPY_SRC | COPY_DST })
  const readback = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST })
  device.queue.writeBuffer(numbers, 0, new Float32Array([0.5, -1, 3, 1e6]))
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  const entries = [{ binding: 0, resource: { buffer: numbers } }]
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
  pass.dispatchWorkgroups(1)
  pass.end()
  encoder.copyBufferToBuffer(numbers, 0, readback, 0, 16)
  device.queue.submit([encoder.finish()])
  await readback.mapAsync(GPUMapMode.READ)
  const doubled = [...new Float32Array(readback.getMappedRange())]
  device.destroy()
  return { vendor: adapter.info.vendor, architecture: adapter.info.architecture, doubled }
}
