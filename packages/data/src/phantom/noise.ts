import type { RandomStream } from '../random.ts'

/** A smooth random field over space: about -1 to 1, 0 on average, features as wide as one unit. */
export type NoiseField = (x: number, y: number, z: number) => number

/**
 * Gradient noise on the integer lattice (Perlin 2002): smooth, band-limited, the same at every call.
 *
 * The stream only shuffles the table that gives each lattice point its gradient; period 256 units.
 */
export function gradientNoise(random: RandomStream): NoiseField {
  const order = random.shuffle(Array.from({ length: 256 }, (_, i) => i))
  const table = new Uint8Array(512)
  for (let i = 0; i < 512; i++) table[i] = order[i & 255]!

  return (x, y, z) => {
    const floorX = Math.floor(x)
    const floorY = Math.floor(y)
    const floorZ = Math.floor(z)
    const fx = x - floorX
    const fy = y - floorY
    const fz = z - floorZ
    const x0 = floorX & 255
    const y0 = floorY & 255
    const z0 = floorZ & 255
    const u = fade(fx)
    const v = fade(fy)
    const w = fade(fz)
    const a = table[x0]! + y0
    const b = table[x0 + 1]! + y0
    const aa = table[a]! + z0
    const ab = table[a + 1]! + z0
    const ba = table[b]! + z0
    const bb = table[b + 1]! + z0
    const near = mix(
      mix(slope(table[aa]!, fx, fy, fz), slope(table[ba]!, fx - 1, fy, fz), u),
      mix(slope(table[ab]!, fx, fy - 1, fz), slope(table[bb]!, fx - 1, fy - 1, fz), u),
      v,
    )
    const far = mix(
      mix(slope(table[aa + 1]!, fx, fy, fz - 1), slope(table[ba + 1]!, fx - 1, fy, fz - 1), u),
      mix(slope(table[ab + 1]!, fx, fy - 1, fz - 1), slope(table[bb + 1]!, fx - 1, fy - 1, fz - 1), u),
      v,
    )
    return mix(near, far, w)
  }
}

/** Quintic step: its first and second derivatives vanish at both ends, so the noise has no lattice creases. */
function fade(t: number): number {
  return t * t * t * (t * (t * 6 - 15) + 10)
}

function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t
}

/** Height at (x, y, z) of the plane through 0 with one of the twelve cube-edge gradients. */
function slope(hash: number, x: number, y: number, z: number): number {
  const h = hash & 15
  const u = h < 8 ? x : y
  const v = h < 4 ? y : h === 12 || h === 14 ? x : z
  return ((h & 1) === 0 ? u : -u) + ((h & 2) === 0 ? v : -v)
}
