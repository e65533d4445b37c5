import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { kernelProcessorTime, openGpu } from '@voxnorm/node'
import { readTensors, writeTensors } from './exchange.ts'
import { ANSWER, type Peer, type Prepared, type Request } from './peer.ts'

const answer = (value: object): void => {
  process.stdout.write(`${ANSWER}${JSON.stringify(value)}\n`)
}

/** Milliseconds of processor time: of the kernels, or of everything where a peer computes on the processor. */
const processorTime = (variant: string): number => {
  const { user, system } = process.cpuUsage()
  return variant === 'cpu' ? (user + system) / 1000 : kernelProcessorTime()
}

/** Serves one JavaScript peer, whose module is named, on a device until its input ends. */
async function serve(module: string, device: string): Promise<void> {
  console.log = console.error
  // While a promise is pending, Dawn's binding polls with setImmediate and takes a core from software renderers.
  // It looks the function up when it is created, so this must come first; a timer leaves them the core.
  let software = false
  const immediately = setImmediate
  Object.assign(globalThis, {
    setImmediate: (call: () => void) => (software ? setTimeout(call, 2) : immediately(call)),
  })
  const opened = await openGpu({ device })
  software = opened.software
  const navigator = { gpu: opened.gpu, userAgent: 'node', hardwareConcurrency: 2, platform: 'linux' }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true })
  const peer = await ((await import(module)) as { open(gpu: GPU): Promise<Peer> }).open(opened.gpu)
  const { version, variants, adapters } = peer
  const names = variants.map((variant) => [variant, adapters?.[variant] ?? opened.name])
  answer({ version, variants, adapters: Object.fromEntries(names) })

  const prepared = new Map<string, Prepared>()
  const serveOne = async (request: Request): Promise<object> => {
    if (request.do === 'dispose') {
      for (const { dispose } of prepared.values()) dispose()
      prepared.clear()
      return {}
    }
    const { variant } = request
    const [start, used, usage] = [performance.now(), processorTime(variant), process.cpuUsage()]
    if (request.do === 'time') {
      const ready = prepared.get(variant)!
      for (let run = 0; run < request.runs; run++) await ready.step()
      return {
        ms: (performance.now() - start) / request.runs,
        cpu: (processorTime(variant) - used) / request.runs,
        bytes: ready.deviceBytes?.() ?? null,
      }
    }
    const tensors = readTensors(join(request.folder, 'inputs.f32'), request.index)
    const began = performance.now()
    const ready = await peer.prepare(request.case, tensors, variant)
    if (!ready) return { unable: true }
    await ready.step()
    const { user, system } = process.cpuUsage(usage)
    const first = { ms: performance.now() - began, cpu: (user + system) / 1000 }
    prepared.set(variant, ready)
    const index = writeTensors(join(request.folder, 'outputs.f32'), await ready.outputs())
    return { ...first, index }
  }
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      answer(await serveOne(JSON.parse(line) as Request))
    } catch (error) {
      answer({ error: error instanceof Error ? error.message : String(error) })
    }
  }
  process.exit(0)
}

await serve(process.argv[2]!, process.argv[3]!)
