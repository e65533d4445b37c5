import {
  clamp01,
  ellipsoidDistance,
  makeTube,
  type Point,
  smoothMaximum,
  smoothMinimum,
  tubeDistance,
} from './shapes.ts'

/**
 * The template cerebrum: large structures as signed distances in mm, in a frame like MNI's (x right, y front,
 * z up, origin between the commissures). It is symmetric; every function takes |x| as `lateral`.
 */

/** Sizes that differ between people and that the template's deep structures depend on. */
export interface DeepVariation {
  /** Width of the ventricles; 1 is a young adult, 1.8 an old one. */
  readonly ventricles: number
  /** Size of the deep grey nuclei, about 1. */
  readonly nuclei: number
}

/** Depth in mm below the two convex parts of a hemisphere; negative outside. */
export interface HullDepth {
  /** Frontal, parietal and occipital lobes. */
  readonly main: number
  readonly temporal: number
}

const MAIN_CENTRE_Y = -14
const MAIN_LENGTH = 81
const TEMPORAL_RADII: Point = [20.5, 43, 19]

/** Depth below the smooth outlines of the main body and the temporal lobe. */
export function hullDepth(lateral: number, y: number, z: number): HullDepth {
  return { main: mainDepth(lateral, y, z), temporal: temporalDepth(lateral, y, z) }
}

/** A box-like ellipsoid, narrower in front, high above and flat below. */
function mainDepth(lateral: number, y: number, z: number): number {
  const fore = (y - MAIN_CENTRE_Y) / MAIN_LENGTH
  const width = 62 * (1 - 0.09 * Math.max(-0.6, Math.min(1, fore)))
  const middle = 17 - 7 * Math.max(0, Math.min(1, fore))
  const height = z > middle ? 57 : 33
  const ax = lateral / width
  const ay = Math.abs(fore)
  const az = Math.abs(z - middle) / height
  // Level sets of |a|^2.25: between an ellipse and a rounded box.
  const ax125 = ax * Math.sqrt(Math.sqrt(ax))
  const ay125 = ay * Math.sqrt(Math.sqrt(ay))
  const az125 = az * Math.sqrt(Math.sqrt(az))
  const level = (ax125 * ax + ay125 * ay + az125 * az) ** (1 / 2.25)
  if (level < 1e-6) return height
  const gx = ax125 / width
  const gy = ay125 / MAIN_LENGTH
  const gz = az125 / height
  const steepness = Math.sqrt(gx * gx + gy * gy + gz * gz) / (level * Math.sqrt(Math.sqrt(level)))
  return (1 - level) / steepness
}

/** An ellipsoid along the base whose pole points forward, down and inward. */
function temporalDepth(lateral: number, y: number, z: number): number {
  const fore = y + 14
  const centre: Point = [40.5 - 0.003 * Math.max(0, fore) ** 2, -14, -18 - 0.1 * fore]
  return -ellipsoidDistance(lateral, y, z, centre, TEMPORAL_RADII)
}

/** Depth below the brain's outer surface, fissures not yet carved. */
export function outlineDepth(hull: HullDepth): number {
  return smoothMaximum(hull.main, hull.temporal, 5)
}

/** Depth below the skull-stripping outline, which bridges the valleys and keeps a rim of fluid. */
export function envelopeDepth(hull: HullDepth, rim: number): number {
  return smoothMaximum(hull.main, hull.temporal, 9) + rim
}

/** Level of the callosal arch in the midplane: below 1 underneath its upper surface, above 1 outside. */
function callosalLevel(y: number, z: number): number {
  return length2((y + 4) / 37, (z - 1) / 25)
}

/** Distance to the midplane sheet between the hemispheres, which ends at the corpus callosum. */
export function fissureDistance(lateral: number, y: number, z: number): number {
  return length2(lateral, Math.max(0, 1 - callosalLevel(y, z)) * 28)
}

/** Distance to the Sylvian cleft between main body and temporal lobe, with the insular pocket at its end. */
export function sylvianDistance(lateral: number, y: number, z: number, hull: HullDepth): number {
  const cleft = length3(
    (hull.main - hull.temporal) / 2,
    Math.max(0, 37 - lateral),
    Math.max(0, -38 - y, y - 30),
  )
  const pocket = length3(
    lateral - 37 - 0.006 * (y - 4) * (y - 4),
    Math.max(0, Math.abs(z - 3 + 0.15 * y) - 10),
    Math.max(0, Math.abs(y - 2) - 20),
  )
  return Math.min(cleft, pocket)
}

/** Distances to the deep structures of one hemisphere, negative inside. */
export interface DeepDistances {
  readonly ventricle: number
  readonly nucleus: number
}

const LATERAL_VENTRICLE = makeTube(
  [7, 32, 2, 2.5],
  [6, 24, 8, 4],
  [6.5, 8, 13, 4.2],
  [9, -12, 15, 4],
  [18, -30, 12, 4.6],
  [23, -38, 6, 5.2],
)
const OCCIPITAL_HORN = makeTube([23, -38, 6, 4.4], [23, -56, 3, 2])
const TEMPORAL_HORN = makeTube([23, -38, 5, 3.6], [32, -30, -7, 2.2], [35, -16, -15, 1.8], [33, -6, -19, 1.4])
const CAUDATE = makeTube(
  [12, 24, 1, 4],
  [13.5, 18, 7, 5.2],
  [16, 4, 15, 3.6],
  [18, -14, 17, 2.4],
  [24, -28, 13, 1.6],
)
const HIPPOCAMPUS = makeTube([23, -3, -19, 6], [27, -16, -17, 4.6], [29, -28, -10, 3.6])

/** Far from all deep structures; saves working them out where they cannot matter. */
const FAR: DeepDistances = { ventricle: 100, nucleus: 100 }

/** Distances to ventricles and deep grey nuclei; only "far" well away from them. */
export function deepDistances(
  lateral: number,
  y: number,
  z: number,
  variation: DeepVariation,
): DeepDistances {
  if (lateral > 44 || y < -64 || y > 44 || z < -32 || z > 30) return FAR
  const { ventricles, nuclei } = variation
  let ventricle = tubeDistance(lateral, y, z, LATERAL_VENTRICLE, ventricles)
  ventricle = smoothMinimum(ventricle, tubeDistance(lateral, y, z, OCCIPITAL_HORN, ventricles), 3)
  ventricle = smoothMinimum(ventricle, tubeDistance(lateral, y, z, TEMPORAL_HORN, ventricles), 2)
  // The septum keeps the two lateral ventricles apart.
  ventricle = Math.max(ventricle, 0.7 - lateral)
  ventricle = Math.min(ventricle, thirdVentricle(lateral, y, z, ventricles))

  const putamen = ellipsoidDistance(
    lateral - 0.12 * (2 - y),
    y,
    z,
    [25, 3, 0],
    [6 * nuclei, 16 * nuclei, 10 * nuclei],
  )
  const thalamus = ellipsoidDistance(
    lateral + 0.22 * (y + 16),
    y,
    z,
    [10.5, -16, 6],
    [8 * nuclei, 14 * nuclei, 9 * nuclei],
  )
  const nucleus = Math.min(
    putamen,
    thalamus,
    tubeDistance(lateral, y, z, CAUDATE, nuclei),
    tubeDistance(lateral, y, z, HIPPOCAMPUS, nuclei),
  )
  return { ventricle, nucleus: Math.max(nucleus, -ventricle) }
}

/** A slit in the midplane between the thalami. */
function thirdVentricle(lateral: number, y: number, z: number, scale: number): number {
  const outside = Math.max(0, length2((y + 9) / 12, (z + 2) / 8) - 1) * 8
  return length2(lateral, outside) - 1.3 * scale
}

/**
 * How much of the surface at a point is cortex (1) rather than callosum and the cut through the brain stem (0):
 * a core under the callosal arch has none.
 */
export function cortexShare(lateral: number, y: number, z: number): number {
  const level = length3((y + 4) / 37, (z - 1) / 25, lateral / 27)
  return clamp01((level - 1) / 0.06)
}

// Math.hypot guards against overflow, which costs ten times as much.
function length2(a: number, b: number): number {
  return Math.sqrt(a * a + b * b)
}

function length3(a: number, b: number, c: number): number {
  return Math.sqrt(a * a + b * b + c * c)
}
