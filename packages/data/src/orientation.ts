import { linearPart, voxelSizes } from './affine.ts'
import { DataError } from './errors.ts'
import { headerForAffine } from './image/geometry.ts'
import { type Affine, type AnyVolume, type Shape3, voxelCount } from './image/volume.ts'

/** Which stored axis runs along each world axis (x right, y front, z up) and in which direction. */
export interface Orientation {
  readonly axes: readonly [number, number, number]
  /** 1 where the stored axis runs to the right, to the front or up; -1 where it runs the other way. */
  readonly signs: readonly [number, number, number]
}

const PERMUTATIONS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const

const LETTERS = [
  ['L', 'R'],
  ['P', 'A'],
  ['I', 'S'],
] as const

/**
 * The axis order and flips that bring an affine nearest to RAS.
 *
 * Of all orders the one with the largest sum of cosines between stored and world axes; also for oblique grids
 * every stored axis is used exactly once.
 */
export function nearestOrientation(affine: Affine): Orientation {
  const sizes = voxelSizes(affine)
  const cosines = linearPart(affine).map((value, index) => value / sizes[index % 3]!)
  const cosine = (world: number, axis: number) => cosines[world * 3 + axis]!
  let best: readonly [number, number, number] = PERMUTATIONS[0]
  let bestSum = -1
  for (const axes of PERMUTATIONS) {
    const sum = [0, 1, 2].reduce((total, world) => total + Math.abs(cosine(world, axes[world]!)), 0)
    // A margin keeps exact ties (45 degrees) from being decided by rounding.
    if (sum > bestSum + 1e-9) {
      bestSum = sum
      best = axes
    }
  }
  const sign = (world: 0 | 1 | 2) => (cosine(world, best[world]) < 0 ? -1 : 1)
  return { axes: best, signs: [sign(0), sign(1), sign(2)] }
}

/** Where the stored axes run to, for example `RAS` or `LPI`: one letter for x, y and z of the array. */
export function orientationCode(affine: Affine): string {
  const { axes, signs } = nearestOrientation(affine)
  const letters = ['', '', '']
  axes.forEach((axis, world) => {
    letters[axis] = LETTERS[world]![signs[world]! > 0 ? 1 : 0]
  })
  return letters.join('')
}

/** A volume in the nearest RAS order and the way back. */
export interface RasVolume<V extends AnyVolume> {
  readonly volume: V
  /** Gives a volume on the RAS grid the stored order, affine and header again; no value changes. */
  readonly restore: <W extends AnyVolume>(image: W) => W
}

/**
 * Reorders and flips the axes of a volume so that they run nearest to right, front and up.
 *
 * Only the order of voxels changes, so the way back is exact. `restore` throws DataError for another shape.
 */
export function toRas<V extends AnyVolume>(volume: V): RasVolume<V> {
  const { shape, affine, header } = volume
  const orientation = nearestOrientation(affine)
  const rasShape = orientation.axes.map((axis) => shape[axis]) as unknown as Shape3
  const rasAffine = reorientAffine(affine, shape, orientation)
  const walk = strides(shape, orientation)
  const ras = {
    shape: rasShape,
    affine: rasAffine,
    header: headerForAffine(rasAffine, header),
    data: gather(volume.data, rasShape, walk),
  } as AnyVolume as V
  const restore = <W extends AnyVolume>(image: W): W => {
    if (image.shape.some((size, axis) => size !== rasShape[axis])) {
      throw new DataError(
        `A volume of shape ${image.shape.join(' x ')} cannot go back to a grid whose RAS shape is ${rasShape.join(' x ')}.`,
      )
    }
    return { shape, affine, header, data: scatter(image.data, rasShape, walk) } as AnyVolume as W
  }
  return { volume: ras, restore }
}

/** Where the RAS voxel (0, 0, 0) lies in the stored array and how far apart its neighbours along x, y, z are. */
interface Walk {
  readonly start: number
  readonly steps: readonly [number, number, number]
}

function strides(shape: Shape3, { axes, signs }: Orientation): Walk {
  const stored = [1, shape[0], shape[0] * shape[1]]
  let start = 0
  const steps = axes.map((axis, world) => {
    if (signs[world]! < 0) start += (shape[axis]! - 1) * stored[axis]!
    return stored[axis]! * signs[world]!
  }) as unknown as Walk['steps']
  return { start, steps }
}

function reorientAffine(affine: Affine, shape: Shape3, { axes, signs }: Orientation): Affine {
  const rows = [0, 1, 2].map((row) => {
    let translation = affine[row * 4 + 3]!
    const columns = axes.map((axis, world) => {
      const column = affine[row * 4 + axis]!
      if (signs[world]! > 0) return column
      translation += column * (shape[axis]! - 1)
      // Subtracting keeps a zero from becoming a negative zero.
      return 0 - column
    })
    return [...columns, translation]
  })
  return [...rows.flat(), 0, 0, 0, 1]
}

function gather<T extends Float32Array | Uint8Array>(stored: T, rasShape: Shape3, walk: Walk): T {
  const ras = emptyLike(stored, voxelCount(rasShape))
  visit(rasShape, walk, (rasIndex, storedIndex) => {
    ras[rasIndex] = stored[storedIndex]!
  })
  return ras
}

function scatter<T extends Float32Array | Uint8Array>(ras: T, rasShape: Shape3, walk: Walk): T {
  const stored = emptyLike(ras, voxelCount(rasShape))
  visit(rasShape, walk, (rasIndex, storedIndex) => {
    stored[storedIndex] = ras[rasIndex]!
  })
  return stored
}

function emptyLike<T extends Float32Array | Uint8Array>(array: T, length: number): T {
  return (array instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length)) as T
}

function visit(
  [nx, ny, nz]: Shape3,
  { start, steps: [stepX, stepY, stepZ] }: Walk,
  move: (rasIndex: number, storedIndex: number) => void,
): void {
  let rasIndex = 0
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      let storedIndex = start + y * stepY + z * stepZ
      for (let x = 0; x < nx; x++) {
        move(rasIndex++, storedIndex)
        storedIndex += stepX
      }
    }
  }
}
