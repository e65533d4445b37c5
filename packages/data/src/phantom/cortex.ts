import { type Shape3, voxelCount } from '../image/volume.ts'
import { lowerEnvelope } from '../metrics/distance-transform.ts'
import {
  cortexShare,
  deepDistances,
  envelopeDepth,
  fissureDistance,
  hullDepth,
  outlineDepth,
  sylvianDistance,
} from './cerebrum.ts'
import { slopeAlong } from './grid-field.ts'
import { clamp01, type Point, smoothMinimum } from './shapes.ts'
import { type PersonVariation, templateMap } from './variation.ts'

/** Shares of the tissues in every voxel of a fine grid, 0 to 1; their sum is the share inside the brain mask. */
export interface TissueShares {
  readonly csf: Float32Array
  readonly grey: Float32Array
  readonly white: Float32Array
  /** The part of `grey` that belongs to the deep nuclei. */
  readonly deepGrey: Float32Array
}

/** World position in mm of the middle of the grid: the template's origin is not the middle of the brain. */
export const CENTRE: Point = [0, -13, 15]

/** Depth in mm to which folding is worked out; deeper there is no cortex. */
const FOLD_REACH = 24

/** Fills a grid of cubic voxels, centred on the brain, with one person's tissues. */
export function growCerebrum(person: PersonVariation, shape: Shape3, spacing: number): TissueShares {
  const space = layOut(person, shape, spacing)
  const folds = foldSurface(person, space)
  return fillTissues(person, space, folds, shape, spacing)
}

/** What is known of each voxel before there are any sulci. */
interface Space {
  /** Place in the template in mm, three numbers per voxel. */
  readonly position: Float32Array
  /** Depth in mm below the skull-stripping outline. */
  readonly envelope: Float32Array
  /** Depth below outline and large fissures; NaN well outside the brain. */
  readonly depth: Float32Array
}

function layOut(person: PersonVariation, shape: Shape3, spacing: number): Space {
  const [nx, ny, nz] = shape
  const position = new Float32Array(3 * voxelCount(shape))
  const envelope = new Float32Array(voxelCount(shape)).fill(-1000)
  const depth = new Float32Array(voxelCount(shape)).fill(Number.NaN)
  const toTemplate = templateMap(person)
  const point = new Float64Array(3)
  let i = 0
  for (let k = 0; k < nz; k++) {
    const worldZ = (k - (nz - 1) / 2) * spacing + CENTRE[2]
    for (let j = 0; j < ny; j++) {
      const worldY = (j - (ny - 1) / 2) * spacing + CENTRE[1]
      for (let h = 0; h < nx; h++, i++) {
        const worldX = (h - (nx - 1) / 2) * spacing + CENTRE[0]
        // Saves the warp for the corners of the grid, where no brain reaches.
        const fromCentre =
          (worldX / 80) ** 2 + ((worldY - CENTRE[1]) / 98) ** 2 + ((worldZ - CENTRE[2]) / 84) ** 2
        if (fromCentre > 1) continue
        toTemplate(worldX, worldY, worldZ, point)
        const x = point[0]!
        const y = point[1]!
        const z = point[2]!
        position[3 * i] = x
        position[3 * i + 1] = y
        position[3 * i + 2] = z
        const lateral = Math.abs(x)
        const hull = hullDepth(lateral, y, z)
        envelope[i] = envelopeDepth(hull, person.rim)
        if (envelope[i]! < -4) continue
        // The large fissures are surfaces like the outline: cortex lines them and sulci start from them.
        const fissure = fissureDistance(lateral, y, z) - person.sulcusHalfWidth
        const cleft = sylvianDistance(lateral, y, z, hull) - 0.4 - person.sulcusHalfWidth
        depth[i] = smoothMinimum(smoothMinimum(outlineDepth(hull), fissure, 1.5), cleft, 1.5)
      }
    }
  }
  return { position, envelope, depth }
}

/** Signed fields whose zero levels are the sulcal sheets; NaN where there is no folding. */
interface Folds {
  readonly major: Float32Array
  readonly minor: Float32Array
  /** How deep major sulci reach, in mm. */
  readonly reach: Float32Array
}

/**
 * Sulci are the zero levels of two noise fields. The fields are stretched along rays from the middle of each
 * hemisphere, so the sheets stand on the surface and reach inwards; a further field bends them a little.
 */
function foldSurface(person: PersonVariation, space: Space): Folds {
  const { position, depth } = space
  const major = new Float32Array(depth.length).fill(Number.NaN)
  const minor = new Float32Array(depth.length).fill(Number.NaN)
  const reach = new Float32Array(depth.length)
  const { majorFolds, minorFolds, foldDepth, foldWarp } = person
  for (let i = 0; i < depth.length; i++) {
    if (!(depth[i]! > -5 && depth[i]! < FOLD_REACH)) continue
    const side = position[3 * i]! < 0 ? -1 : 1
    const rx = position[3 * i]! - side * 27
    const ry = position[3 * i + 1]! + 14
    const rz = position[3 * i + 2]! - 12
    const level = Math.sqrt((rx / 36) ** 2 + (ry / 82) ** 2 + (rz / 54) ** 2)
    const stretch = Math.max(0.1, level) ** -0.75
    // Different offsets on the two sides: the hemispheres do not mirror each other's sulci.
    const x = rx * stretch + side * 61
    const y = ry * stretch
    const z = rz * stretch
    const bend = 0.4 * foldWarp(rx / 14 + side * 31, ry / 14, rz / 14)
    major[i] = majorFolds(x / 23 + bend, y / 24 - bend, z / 23 + bend)
    minor[i] = minorFolds(x / 18 - bend, y / 18 + bend, z / 18)
    // Near the middle of the rays the sheets would crowd.
    reach[i] = 15 + 12 * foldDepth(x / 24, y / 24, z / 24) - 60 * Math.max(0, 0.62 - level)
  }
  return { major, minor, reach }
}

function fillTissues(
  person: PersonVariation,
  space: Space,
  folds: Folds,
  shape: Shape3,
  spacing: number,
): TissueShares {
  const { position, envelope } = space
  const { pial, toPial } = carveSulci(person, space, folds, shape, spacing)
  const shares: TissueShares = {
    csf: new Float32Array(pial.length),
    grey: new Float32Array(pial.length),
    white: new Float32Array(pial.length),
    deepGrey: new Float32Array(pial.length),
  }
  /** Share of a voxel on the positive side of a surface that is `distance` mm away. */
  const cover = (distance: number) => clamp01(0.5 + distance / spacing)
  for (let i = 0; i < pial.length; i++) {
    const inside = cover(envelope[i]!)
    if (inside === 0) continue
    const lateral = Math.abs(position[3 * i]!)
    const y = position[3 * i + 1]!
    const z = position[3 * i + 2]!
    const deep = deepDistances(lateral, y, z, person)
    const tissue = cover(pial[i]!) * cover(deep.ventricle)
    const cortex = (1 - cover(Math.sqrt(toPial[i]!) - person.cortexThickness)) * cortexShare(lateral, y, z)
    const nucleus = cover(-deep.nucleus)
    const grey = Math.max(cortex, nucleus)
    shares.csf[i] = inside * (1 - tissue)
    shares.grey[i] = inside * tissue * grey
    shares.deepGrey[i] = inside * tissue * Math.max(0, nucleus - cortex)
    shares.white[i] = inside * tissue * (1 - grey)
  }
  return shares
}

/** The folded pial surface: signed depth, reliable near 0, and squared distance to it in mm². */
interface PialSurface {
  readonly pial: Float32Array
  readonly toPial: Float64Array
}

function carveSulci(
  person: PersonVariation,
  space: Space,
  folds: Folds,
  shape: Shape3,
  spacing: number,
): PialSurface {
  const [nx, ny, nz] = shape
  const pial = new Float32Array(voxelCount(shape)).fill(-FOLD_REACH)
  const toPial = new Float64Array(voxelCount(shape))
  let i = 0
  for (let k = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      for (let h = 0; h < nx; h++, i++) {
        const depth = space.depth[i]!
        if (Number.isNaN(depth)) continue
        let signed = depth
        if (depth > -3 && depth < FOLD_REACH) {
          const x = space.position[3 * i]!
          const y = space.position[3 * i + 1]!
          const z = space.position[3 * i + 2]!
          const reach = folds.reach[i]!
          const opening = person.sulcusHalfWidth + 0.7 * Math.exp(-Math.max(0, depth) / 2)
          // Where the surface is no cortex there are no sulci either.
          const bare = (1 - cortexShare(Math.abs(x), y, z)) * FOLD_REACH - opening
          const major = sheetDistance(folds.major, shape, i, h, j, k) * spacing
          const minor = sheetDistance(folds.minor, shape, i, h, j, k) * spacing
          signed = smoothMinimum(signed, sheetEnd(major, depth - reach) + bare, 1.5)
          signed = smoothMinimum(signed, sheetEnd(minor, depth - 0.3 * reach) + bare, 1.5)
        }
        pial[i] = signed
        toPial[i] = signed <= 0 ? 0 : signed < 1.5 * spacing ? signed * signed : Number.POSITIVE_INFINITY
      }
    }
  }
  lowerEnvelope(toPial, shape, [spacing, spacing, spacing])
  return { pial, toPial }
}

/** Distance to a sheet that ends in the depth: `across` mm beside it and `beyond` mm below its end. */
function sheetEnd(across: number, beyond: number): number {
  return beyond > 0 ? Math.sqrt(across * across + beyond * beyond) : across
}

/** First-order distance in voxels to the sheet where `field` is 0; far away where there is no folding. */
function sheetDistance(
  field: Float32Array,
  shape: Shape3,
  i: number,
  x: number,
  y: number,
  z: number,
): number {
  const [nx, ny, nz] = shape
  const gx = slopeAlong(field, i, 1, x, nx)
  const gy = slopeAlong(field, i, nx, y, ny)
  const gz = slopeAlong(field, i, nx * ny, z, nz)
  const steepness = Math.sqrt(gx * gx + gy * gy + gz * gz)
  // Not greater also covers NaN, where a neighbour is outside the folded shell.
  return steepness > 1e-6 ? Math.abs(field[i]!) / steepness : FOLD_REACH
}
