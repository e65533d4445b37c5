import type { Triple } from '@voxnorm/data'
import { compile, elements, f32, input, type Runtime, SlotPool } from '@voxnorm/tensor'
import type { ModelConfig } from './config.ts'
import { generate, type Networks } from './networks.ts'
import { createViewer, type ViewedVolume, type ViewGeometry, viewInput } from './volume-view.ts'

/** Voxels and channels that are bent at once: few enough for any device, and a stop signal is answered in between. */
const SLAB = 2 ** 20

/**
 * Runs a generator that sees volumes on a whole one: one look at it, then slab by slab, which fit together without a
 * seam. Resolves with the image `[D, H, W, C]`, 0 outside the mask.
 */
export async function normalizeVolume(
  runtime: Runtime,
  networks: Networks,
  config: ModelConfig,
  geometry: ViewGeometry,
  volume: ViewedVolume,
): Promise<Float32Array<ArrayBuffer>> {
  const { shape, channels, image } = volume
  const viewer = await createViewer(runtime, geometry, [shape])
  const pool = new SlotPool(runtime)
  try {
    const cells = await viewer.view(volume)
    const plane = shape[1] * shape[2] * channels
    const depth = Math.min(shape[0], Math.max(1, Math.floor(SLAB / plane)))
    const size = [depth, shape[1], shape[2]] as Triple
    const x = input('slab', f32(1, ...size, channels))
    const { image: bent } = generate(networks, config, x, 'evaluation', viewInput(geometry, viewer.cells, 1))
    const plan = await compile(runtime, { name: 'normalize a slab', outputs: { bent } }, { pool })
    const result = new Float32Array(image.length)
    for (let z = 0; z < shape[0]; z += depth) {
      const slab = new Float32Array(elements(size) * channels)
      slab.set(image.subarray(z * plane, (z + depth) * plane))
      const origins = Float32Array.of(z / geometry.cell, 0, 0)
      const { bent: values } = await plan.run({ slab, cells, origins })
      result.set(values!.subarray(0, Math.min(depth, shape[0] - z) * plane), z * plane)
    }
    plan.dispose()
    return result
  } finally {
    viewer.dispose()
    pool.dispose()
  }
}
