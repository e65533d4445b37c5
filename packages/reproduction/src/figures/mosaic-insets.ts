/** The middle plane of a patch: side² intensities in rows from the top. */
export interface MosaicPatch {
  readonly pixels: Float32Array
  readonly side: number
  readonly site: string
}

/** A square part of a patch: the patch's number, the corner with the smallest coordinates, and the side, in voxels. */
export interface InsetPlace {
  readonly patch: number
  readonly x: number
  readonly y: number
  readonly size: number
}

interface Rated extends InsetPlace {
  /** Whether no voxel is background, and the standard deviation of the intensities. */
  readonly inside: boolean
  readonly contrast: number
}

/** Side of a part as a share of the patch's. */
const PART = 3 / 8

/**
 * Two places worth magnifying: in patches of two sites where there are two, each where contrast is highest.
 *
 * Places without background come first, since the border of the brain has more contrast than any two tissues.
 */
export function insetPlaces(patches: readonly MosaicPatch[]): InsetPlace[] {
  const best = patches.map((patch, index) => bestPlace(patch, index))
  const sites = [...new Set(patches.map(({ site }) => site))]
  const first = sites.slice(0, 2).flatMap((site) => {
    const ofSite = best.filter(({ patch }) => patches[patch]!.site === site)
    return ofSite.length === 0 ? [] : [ofSite.reduce(better)]
  })
  const rest = best.filter((place) => !first.includes(place))
  if (first.length < 2 && rest.length > 0) first.push(rest.reduce(better))
  return first.map(({ patch, x, y, size }) => ({ patch, x, y, size }))
}

function bestPlace({ pixels, side }: MosaicPatch, patch: number): Rated {
  const size = Math.max(1, Math.round(PART * side))
  const background = pixels.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY)
  const places: Rated[] = []
  for (let y = 0; y + size <= side; y++) {
    for (let x = 0; x + size <= side; x++) {
      let [sum, squares, inside] = [0, 0, true]
      for (let row = y; row < y + size; row++) {
        for (let column = x; column < x + size; column++) {
          const value = pixels[row * side + column]!
          sum += value
          squares += value * value
          inside &&= value > background
        }
      }
      const mean = sum / size ** 2
      places.push({
        patch,
        x,
        y,
        size,
        inside,
        contrast: Math.sqrt(Math.max(0, squares / size ** 2 - mean ** 2)),
      })
    }
  }
  return places.reduce(better)
}

function better(one: Rated, other: Rated): Rated {
  if (one.inside !== other.inside) return one.inside ? one : other
  return other.contrast > one.contrast ? other : one
}
