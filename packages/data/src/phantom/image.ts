import { makeVolume, type Shape3, type Volume } from '../image/volume.ts'
import { type RandomStream, randomStream } from '../random.ts'
import type { PhantomAnatomy } from './anatomy.ts'
import { gradientNoise } from './noise.ts'
import type { PhantomModality, SiteStyle } from './site-style.ts'

/** What distinguishes one acquisition from another of the same person in the same style. */
export interface PhantomImageOptions {
  readonly seed: number
  /** T1w without it. */
  readonly modality?: PhantomModality
}

/**
 * Takes a picture of a phantom in the style of a site: tissue signals mixed by partial volume, the site's
 * curve, receiver sensitivity, blur, Rician noise and scale; 0 outside the brain mask, positive inside.
 *
 * Give every person an own seed: texture, sensitivity, gain and noise follow from it.
 */
export function phantomImage(
  anatomy: PhantomAnatomy,
  style: SiteStyle,
  options: PhantomImageOptions,
): Volume {
  const { seed, modality = 'T1w' } = options
  const random = randomStream(seed, 'phantom', 'image', style.name, modality)
  const { shape, voxelSize, affine } = anatomy
  const mask = anatomy.mask.data

  const signal = tissueSignal(anatomy, style, modality, random)
  multiplyBias(signal, mask, shape, style.bias, random)
  const blurred = blurInside(signal, mask, shape, style.blur, voxelSize)
  const gain = style.scale * (0.94 + 0.12 * random.uniform())
  const data = new Float32Array(blurred.length)
  for (let i = 0; i < data.length; i++) {
    if (!mask[i]) continue
    const real = blurred[i]! + style.noise * random.normal()
    const imaginary = style.noise * random.normal()
    data[i] = gain * Math.max(1e-6, Math.sqrt(real * real + imaginary * imaginary))
  }
  return makeVolume(shape, data, affine)
}

/** Mean signal of each voxel's tissues, with a slow variation inside the tissues, after the site's curve. */
function tissueSignal(
  anatomy: PhantomAnatomy,
  style: SiteStyle,
  modality: PhantomModality,
  random: RandomStream,
): Float32Array {
  const { CSF, GM, WM } = anatomy.fractions
  const [nx, ny] = anatomy.shape
  const tissues = style.signals[modality]
  const texture = gradientNoise(random)
  const perVoxel = anatomy.voxelSize / 22
  const signal = new Float32Array(CSF.data.length)
  for (let i = 0; i < signal.length; i++) {
    if (!anatomy.mask.data[i]) continue
    const deep = anatomy.deepGrey.data[i]!
    const solid = tissues.GM * (GM.data[i]! - deep) + tissues.deepGM * deep + tissues.WM * WM.data[i]!
    const x = (i % nx) * perVoxel
    const y = (Math.floor(i / nx) % ny) * perVoxel
    const z = Math.floor(i / (nx * ny)) * perVoxel
    const mixed = tissues.CSF * CSF.data[i]! + solid * (1 + 2 * style.texture * texture(x, y, z))
    signal[i] = mixed ** style.gamma
  }
  return signal
}

/** Multiplies by exp(bias p), p a random polynomial of second degree whose largest magnitude inside is 1. */
function multiplyBias(
  signal: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  bias: number,
  random: RandomStream,
): void {
  const [nx, ny, nz] = shape
  const weights = Array.from({ length: 9 }, (_, term) => random.normal() * (term < 3 ? 1 : 0.7))
  const [wx, wy, wz, wxx, wyy, wzz, wxy, wyz, wzx] = weights as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const field = new Float32Array(signal.length)
  let largest = 0
  let i = 0
  for (let k = 0; k < nz; k++) {
    const z = (2 * k) / (nz - 1) - 1
    for (let j = 0; j < ny; j++) {
      const y = (2 * j) / (ny - 1) - 1
      for (let h = 0; h < nx; h++, i++) {
        if (!mask[i]) continue
        const x = (2 * h) / (nx - 1) - 1
        field[i] = x * (wx + wxx * x + wxy * y) + y * (wy + wyy * y + wyz * z) + z * (wz + wzz * z + wzx * x)
        largest = Math.max(largest, Math.abs(field[i]!))
      }
    }
  }
  for (let at = 0; at < signal.length; at++) {
    if (mask[at]) signal[at] = signal[at]! * Math.exp((bias * field[at]!) / largest)
  }
}

/**
 * Gaussian blur of what is inside the mask, weighted so that the empty outside does not darken the rim: in a
 * real image there is tissue beyond the brain.
 */
function blurInside(
  signal: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  widths: SiteStyle['blur'],
  voxelSize: number,
): Float32Array {
  let values = signal
  let weights = Float32Array.from(mask)
  const strides = [1, shape[0], shape[0] * shape[1]]
  widths.forEach((width, axis) => {
    // A full width at half maximum is 2.355 standard deviations.
    const kernel = gaussianKernel(width / 2.355 / voxelSize)
    if (kernel.length === 1) return
    values = blurAlong(values, shape, axis, strides[axis]!, kernel)
    weights = blurAlong(weights, shape, axis, strides[axis]!, kernel)
  })
  const blurred = new Float32Array(signal.length)
  for (let i = 0; i < blurred.length; i++) if (mask[i]) blurred[i] = values[i]! / weights[i]!
  return blurred
}

/** Half of a symmetric kernel, centre first, that sums to 1; just [1] for a blur far below a voxel. */
function gaussianKernel(deviation: number): number[] {
  const radius = Math.ceil(3 * deviation)
  const half = Array.from({ length: radius + 1 }, (_, i) => Math.exp(-0.5 * (i / deviation) ** 2))
  const total = half.reduce((sum, weight) => sum + 2 * weight, -1)
  return deviation < 0.15 ? [1] : half.map((weight) => weight / total)
}

/** Convolution along one axis; beyond the grid everything is 0. */
function blurAlong(
  field: Float32Array,
  shape: Shape3,
  axis: number,
  stride: number,
  kernel: readonly number[],
): Float32Array<ArrayBuffer> {
  const count = shape[axis]!
  const result = new Float32Array(field.length)
  for (let i = 0; i < field.length; i++) {
    const index = Math.floor(i / stride) % count
    let sum = kernel[0]! * field[i]!
    for (let step = 1; step < kernel.length; step++) {
      const weight = kernel[step]!
      if (index >= step) sum += weight * field[i - step * stride]!
      if (index + step < count) sum += weight * field[i + step * stride]!
    }
    result[i] = sum
  }
  return result
}
