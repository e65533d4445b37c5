/** A point or a size along x, y and z in mm. */
export type Point = readonly [number, number, number]

/**
 * Signed distance to an ellipsoid in mm, negative inside.
 *
 * A first-order estimate (value over length of the gradient): exact on the surface, close near it.
 */
export function ellipsoidDistance(x: number, y: number, z: number, centre: Point, radii: Point): number {
  const ax = (x - centre[0]) / radii[0]
  const ay = (y - centre[1]) / radii[1]
  const az = (z - centre[2]) / radii[2]
  const level = Math.sqrt(ax * ax + ay * ay + az * az)
  const gx = ax / radii[0]
  const gy = ay / radii[1]
  const gz = az / radii[2]
  const steepness = Math.sqrt(gx * gx + gy * gy + gz * gz)
  if (steepness < 1e-9) return -Math.min(radii[0], radii[1], radii[2])
  return (level * (level - 1)) / steepness
}

/** One bead of a tube: position and radius in mm. */
export type Bead = readonly [x: number, y: number, z: number, radius: number]

/** A tube through beads, with its bounding box. */
export interface Tube {
  readonly beads: readonly Bead[]
  readonly low: Point
  readonly high: Point
}

/** Joins beads to a tube whose radius changes linearly from bead to bead. */
export function makeTube(...beads: readonly Bead[]): Tube {
  const low = (axis: 0 | 1 | 2) => Math.min(...beads.map((bead) => bead[axis] - bead[3]))
  const high = (axis: 0 | 1 | 2) => Math.max(...beads.map((bead) => bead[axis] + bead[3]))
  return { beads, low: [low(0), low(1), low(2)], high: [high(0), high(1), high(2)] }
}

/** Beyond this distance in mm from the bounding box a tube's distance is only known to be at least that. */
const NEAR = 8

/** Signed distance to a tube in mm, negative inside, or 8 well away from it; `scale` multiplies its radius. */
export function tubeDistance(x: number, y: number, z: number, tube: Tube, scale: number): number {
  const { beads, low, high } = tube
  if (x < low[0] - NEAR || x > high[0] + NEAR || y < low[1] - NEAR || y > high[1] + NEAR) return NEAR
  if (z < low[2] - NEAR || z > high[2] + NEAR) return NEAR
  let nearest = Number.POSITIVE_INFINITY
  for (let i = 0; i + 1 < beads.length; i++) {
    const a = beads[i]!
    const b = beads[i + 1]!
    const dx = b[0] - a[0]
    const dy = b[1] - a[1]
    const dz = b[2] - a[2]
    const along = ((x - a[0]) * dx + (y - a[1]) * dy + (z - a[2]) * dz) / (dx * dx + dy * dy + dz * dz)
    const t = Math.min(1, Math.max(0, along))
    const rx = x - a[0] - t * dx
    const ry = y - a[1] - t * dy
    const rz = z - a[2] - t * dz
    const distance = Math.sqrt(rx * rx + ry * ry + rz * rz) - scale * (a[3] + t * (b[3] - a[3]))
    if (distance < nearest) nearest = distance
  }
  return nearest
}

/** Minimum of two distances whose crease is rounded over a width of about `width` mm. */
export function smoothMinimum(a: number, b: number, width: number): number {
  const overlap = Math.max(0, width - Math.abs(a - b)) / width
  return Math.min(a, b) - (overlap * overlap * width) / 4
}

/** Maximum of two distances with a rounded crease; see {@link smoothMinimum}. */
export function smoothMaximum(a: number, b: number, width: number): number {
  return -smoothMinimum(-a, -b, width)
}

/** Limits a number to 0 .. 1. */
export function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value))
}
