import { convolutionWeight, fanInUniform, kaimingUniform, vector, type Weights } from '@voxnorm/autograd'
import { concat, conv3d, maxPool, type Tensor, upsample } from '@voxnorm/tensor'
import type { ImageArchitecture, ImagePass, ImagePassOptions } from './architecture.ts'
import { convolve, LEAKY_SLOPE, layerName, type NormMoments, normalize, normParameters } from './layers.ts'

const convolutionParameters = (inputs: number, outputs: number) => ({
  weight: convolutionWeight(3, inputs, outputs, kaimingUniform(27 * outputs)),
  bias: vector(outputs, fanInUniform(27 * inputs)),
})

const blockParameters = (inputs: number, middle: number, outputs: number) => ({
  conv0: convolutionParameters(inputs, middle),
  norm0: normParameters(middle),
  conv1: convolutionParameters(middle, outputs),
  norm1: normParameters(outputs),
})

/**
 * Parameters of the 3D U-Net that generator and segmenter share (docs/method.md#generator-and-segmenter), `base` channels
 * wide: with base 32 its blocks have 32-64, 64-128, 128-256 and 256-512 channels on the way down and 256, 128, 64 on the way up.
 *
 * Convolutions start Kaiming-uniform over fan-out as in the authors' code. The last one uses fan-in instead: with one
 * output channel, fan-out would start the sigmoid behind it saturated.
 */
export const uNet3d = (base: number, inputs: number, outputs: number) => ({
  enc1: blockParameters(inputs, base, 2 * base),
  enc2: blockParameters(2 * base, 2 * base, 4 * base),
  enc3: blockParameters(4 * base, 4 * base, 8 * base),
  enc4: blockParameters(8 * base, 8 * base, 16 * base),
  dec3: blockParameters(24 * base, 8 * base, 8 * base),
  dec2: blockParameters(12 * base, 4 * base, 4 * base),
  dec1: blockParameters(6 * base, 2 * base, 2 * base),
  out: {
    weight: convolutionWeight(1, 2 * base, outputs, kaimingUniform(2 * base)),
    bias: vector(outputs, fanInUniform(2 * base)),
  },
})

/** A U-Net as a module of parameters. */
export type UNet3d = ReturnType<typeof uNet3d>

/** What a forward pass leaves behind. */
export interface UNetPass extends ImagePass {
  /** Output of every block by its name, `out` included. */
  readonly blocks: Readonly<Record<keyof UNet3d, Tensor>>
}

/** Runs a U-Net on `x [N, D, H, W, C]`; D, H and W must be multiples of 8. Throws ShapeError otherwise. */
export function runUNet3d(weights: Weights<UNet3d>, x: Tensor, options: ImagePassOptions): UNetPass {
  const norms: NormMoments[] = []
  const block = (name: Exclude<keyof UNet3d, 'out'>, input: Tensor): Tensor => {
    const { conv0, norm0, conv1, norm1 } = weights[name]
    const slope = options.activation === 'relu' ? 0 : LEAKY_SLOPE
    const middle = normalize(convolve(input, conv0, options), norm0, slope, options.mode, norms)
    return normalize(convolve(middle, conv1, options), norm1, slope, options.mode, norms)
  }
  const join = (skip: Tensor, below: Tensor): Tensor => concat([skip, upsample(below)])

  const enc1 = block('enc1', x)
  const enc2 = block('enc2', maxPool(enc1))
  const enc3 = block('enc3', maxPool(enc2))
  const enc4 = block('enc4', maxPool(enc3))
  const dec3 = block('dec3', join(enc3, enc4))
  const dec2 = block('dec2', join(enc2, dec3))
  const dec1 = block('dec1', join(enc1, dec2))
  const { weight, bias } = weights.out
  const last = { stride: 1, padding: 0, mode: 'zero', result: 'f32' } as const
  const out = conv3d(dec1, weight, bias, last, layerName(weight))
  return { output: out, blocks: { enc1, enc2, enc3, enc4, dec3, dec2, dec1, out }, norms }
}

/** The U-Net as an architecture. */
export const unet3d: ImageArchitecture<UNet3d> = {
  sides: { multipleOf: 8, because: 'three poolings halve it three times' },
  parameters: ({ base, inputs, outputs }) => uNet3d(base, inputs, outputs),
  run: runUNet3d,
}
