import type { Shape3 } from '../image/volume.ts'
import type { Spacing } from '../metrics/distance-transform.ts'
import { sortedQuantile } from '../metrics/quantile.ts'

/** Agreement of the edges of two images. */
export interface EdgeAgreement {
  /** Pearson r of the gradient magnitudes; NaN when one of the images has none. */
  readonly gradientCorrelation: number
  /** F1 of the edges, each matched within one voxel; 1 when neither image has any. */
  readonly edgeF1: number
}

/**
 * Compares where two images have edges, and how strong they are.
 *
 * Gradients are Sobel's over 3³ voxels (central differences per mm, smoothed across), in the voxels of the mask
 * whose 26 neighbours are in it too, so the border of the brain is no edge. Edges are gradient magnitudes above
 * their own 90th percentile that no neighbour along the gradient exceeds (Canny 1986, without its second threshold).
 * An edge voxel is matched when the other image has one among its 27 nearest voxels.
 */
export function edgeAgreement(
  a: Float32Array,
  b: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  spacing: Spacing,
): EdgeAgreement {
  const interior = interiorVoxels(mask, shape)
  const gradientA = sobelGradient(a, interior, shape, spacing)
  const gradientB = sobelGradient(b, interior, shape, spacing)
  const edgesA = edgeVoxels(gradientA, interior, shape)
  const edgesB = edgeVoxels(gradientB, interior, shape)
  const precision = matchedShare(edgesB, edgesA, interior, shape)
  const recall = matchedShare(edgesA, edgesB, interior, shape)
  return {
    gradientCorrelation: correlation(gradientA.magnitude, gradientB.magnitude, interior),
    edgeF1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0,
  }
}

interface Gradient {
  /** Three components for each interior voxel, one after the other. */
  readonly components: Float32Array
  /** One value for each interior voxel. */
  readonly magnitude: Float32Array
}

/** Steps in memory to the 27 voxels of a cube of 3³, x fastest. */
function cubeSteps([nx, ny]: Shape3): number[] {
  const steps: number[] = []
  for (let z = -1; z <= 1; z++) {
    for (let y = -1; y <= 1; y++) for (let x = -1; x <= 1; x++) steps.push(x + nx * (y + ny * z))
  }
  return steps
}

/** Indices of the voxels of the mask that have all their 26 neighbours in it. */
function interiorVoxels(mask: Uint8Array, shape: Shape3): Int32Array {
  const [nx, ny, nz] = shape
  const steps = cubeSteps(shape)
  const interior: number[] = []
  for (let z = 1; z < nz - 1; z++) {
    for (let y = 1; y < ny - 1; y++) {
      for (let x = 1; x < nx - 1; x++) {
        const voxel = x + nx * (y + ny * z)
        if (mask[voxel] && steps.every((step) => mask[voxel + step]! > 0)) interior.push(voxel)
      }
    }
  }
  return Int32Array.from(interior)
}

function sobelGradient(image: Float32Array, interior: Int32Array, shape: Shape3, spacing: Spacing): Gradient {
  const steps = cubeSteps(shape)
  const smooth = [1, 2, 1]
  // Sobel's weights for each axis: 16 is the sum of the smoothing weights, 2 the length of the central difference.
  const weights = [0, 1, 2].map((axis) =>
    steps.map((_, at) => {
      const offsets = [at % 3, Math.floor(at / 3) % 3, Math.floor(at / 9)]
      const across = offsets.reduce((w, offset, other) => (other === axis ? w : w * smooth[offset]!), 1)
      return ((offsets[axis]! - 1) * across) / (16 * 2 * spacing[axis]!)
    }),
  )
  const components = new Float32Array(3 * interior.length)
  const magnitude = new Float32Array(interior.length)
  for (let at = 0; at < interior.length; at++) {
    const voxel = interior[at]!
    let gx = 0
    let gy = 0
    let gz = 0
    for (let k = 0; k < 27; k++) {
      const value = image[voxel + steps[k]!]!
      gx += weights[0]![k]! * value
      gy += weights[1]![k]! * value
      gz += weights[2]![k]! * value
    }
    components[3 * at] = gx
    components[3 * at + 1] = gy
    components[3 * at + 2] = gz
    magnitude[at] = Math.sqrt(gx * gx + gy * gy + gz * gz)
  }
  return { components, magnitude }
}

/** 1 at the voxels of a volume that are edges, else 0. */
function edgeVoxels(
  { components, magnitude }: Gradient,
  interior: Int32Array,
  [nx, ny, nz]: Shape3,
): Uint8Array {
  const volume = new Float32Array(nx * ny * nz)
  for (let at = 0; at < interior.length; at++) volume[interior[at]!] = magnitude[at]!
  const limit = sortedQuantile(Float32Array.from(magnitude).sort(), 0.9)
  const edges = new Uint8Array(volume.length)
  for (let at = 0; at < interior.length; at++) {
    const strength = magnitude[at]!
    if (!(strength > 0 && strength >= limit)) continue
    // The neighbour along the gradient: a component counts when the direction is within 22.5 degrees of a diagonal.
    const step = [0, 1, 2].reduce((sum, axis) => {
      const share = components[3 * at + axis]! / strength
      return Math.abs(share) > 0.38 ? sum + Math.sign(share) * [1, nx, nx * ny][axis]! : sum
    }, 0)
    const voxel = interior[at]!
    if (strength >= volume[voxel + step]! && strength >= volume[voxel - step]!) edges[voxel] = 1
  }
  return edges
}

/** Share of the edges that have an edge of the other image within one voxel; 1 when there are none to match. */
function matchedShare(edges: Uint8Array, others: Uint8Array, interior: Int32Array, shape: Shape3): number {
  const steps = cubeSteps(shape)
  let found = 0
  let total = 0
  for (const voxel of interior) {
    if (!edges[voxel]) continue
    total++
    if (steps.some((step) => others[voxel + step]! > 0)) found++
  }
  return total === 0 ? 1 : found / total
}

function correlation(a: Float32Array, b: Float32Array, { length }: Int32Array): number {
  const meanA = a.reduce((sum, value) => sum + value, 0) / length
  const meanB = b.reduce((sum, value) => sum + value, 0) / length
  let squaresA = 0
  let squaresB = 0
  let products = 0
  for (let i = 0; i < length; i++) {
    squaresA += (a[i]! - meanA) ** 2
    squaresB += (b[i]! - meanB) ** 2
    products += (a[i]! - meanA) * (b[i]! - meanB)
  }
  return products / Math.sqrt(squaresA * squaresB)
}
