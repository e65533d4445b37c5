import { type RandomStream, randomStream } from '../random.ts'
import { gradientNoise, type NoiseField } from './noise.ts'

/** Everything that makes one synthetic person differ from another. Lengths in mm. */
export interface PersonVariation {
  /** Size along x, y and z relative to the template. */
  readonly scale: readonly [number, number, number]
  /** Head turned about x, y and z, in radians. */
  readonly rotation: readonly [number, number, number]
  readonly shift: readonly [number, number, number]
  /** Smooth displacement of the whole anatomy. */
  readonly warp: readonly [NoiseField, NoiseField, NoiseField]
  /** Width of the ventricles, 1 for a young adult. */
  readonly ventricles: number
  readonly nuclei: number
  readonly cortexThickness: number
  /** Half the width of a sulcus at its bottom. */
  readonly sulcusHalfWidth: number
  /** Rim of fluid around the brain. */
  readonly rim: number
  /** The zero levels of these fields, seen on the surface, are the sulci. */
  readonly majorFolds: NoiseField
  readonly minorFolds: NoiseField
  /** How deep the sulci reach from place to place. */
  readonly foldDepth: NoiseField
  /** Bends the sulci, also along their depth. */
  readonly foldWarp: NoiseField
}

/** Draws the person number `subject` of the population `seed`. */
export function drawVariation(seed: number, subject: number): PersonVariation {
  const random = randomStream(seed, 'phantom', 'subject', subject)
  const field = (name: string) => gradientNoise(randomStream(seed, 'phantom', 'subject', subject, name))
  const size = between(random, 0.87, 0.96)
  const age = random.uniform()
  return {
    scale: [
      size * between(random, 0.98, 1.03),
      size * between(random, 0.98, 1.02),
      size * between(random, 0.97, 1.03),
    ],
    rotation: [between(random, -0.06, 0.06), between(random, -0.04, 0.04), between(random, -0.05, 0.05)],
    shift: [between(random, -1.5, 1.5), between(random, -1, 1), between(random, -1.5, 1.5)],
    warp: [field('warp x'), field('warp y'), field('warp z')],
    ventricles: 0.8 + 0.9 * age * age + between(random, 0, 0.2),
    nuclei: between(random, 0.94, 1.06),
    cortexThickness: 2.6 - 0.3 * age + between(random, -0.1, 0.1),
    sulcusHalfWidth: 0.3 + 0.3 * age + between(random, 0, 0.1),
    rim: 1 + 0.6 * age,
    majorFolds: field('major folds'),
    minorFolds: field('minor folds'),
    foldDepth: field('fold depth'),
    foldWarp: field('fold warp'),
  }
}

/** A map from the subject's space to the template's; it writes the result into `out` to spare allocations. */
export type TemplateMap = (x: number, y: number, z: number, out: Float64Array) => void

/** Inverse of the person's placement: world mm to template mm. */
export function templateMap(person: PersonVariation): TemplateMap {
  const [a, b, c] = person.rotation
  const [ca, sa, cb, sb, cc, sc] = [
    Math.cos(a),
    Math.sin(a),
    Math.cos(b),
    Math.sin(b),
    Math.cos(c),
    Math.sin(c),
  ]
  const [warpX, warpY, warpZ] = person.warp
  return (worldX, worldY, worldZ, out) => {
    const x0 = worldX - person.shift[0]
    const y0 = worldY - person.shift[1]
    const z0 = worldZ - person.shift[2]
    // Rotations about z, then y, then x.
    const x1 = cc * x0 + sc * y0
    const y1 = cc * y0 - sc * x0
    const x2 = cb * x1 - sb * z0
    const z2 = cb * z0 + sb * x1
    const y3 = ca * y1 + sa * z2
    const z3 = ca * z2 - sa * y1
    const x = x2 / person.scale[0]
    const y = y3 / person.scale[1]
    const z = z3 / person.scale[2]
    out[0] = x + 4 * warpX(x / 45, y / 45, z / 45)
    out[1] = y + 5 * warpY(x / 45, y / 45, z / 45)
    out[2] = z + 4 * warpZ(x / 45, y / 45, z / 45)
  }
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform()
}
