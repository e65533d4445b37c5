import { copyCube, type Triple } from './axes.ts'
import { sitesOf } from './datasets/dataset.ts'
import { DataError } from './errors.ts'
import type { PreparedSubject } from './prepare-subject.ts'
import { permutation } from './random.ts'

/** One patch: a cube of a subject's volume. */
export interface PatchDraw {
  readonly subject: PreparedSubject
  /** Domain number: the position of the subject's site in {@link PatchSampler.sites}. */
  readonly site: number
  /** First voxel (z, y, x) in the subject's volume; negative where the patch begins in the padding. */
  readonly corner: Triple
}

/** An endless, addressed supply of patches from a set of subjects. */
export interface PatchSampler {
  /** Names of the sites in the order of their domain numbers. */
  readonly sites: readonly string[]
  /** Side of the cubes in voxels. */
  readonly patch: number
  /** Patch number `index` of a site: the same for the same seed and subjects, whatever was drawn before. */
  draw(site: number, index: number): PatchDraw
}

/** Settings of {@link patchSampler}. */
export interface PatchSamplerOptions {
  readonly patch: number
  readonly seed: number
  /** Order of the domain numbers; by default the sites of the subjects in alphabetical order. */
  readonly sites?: readonly string[]
}

/**
 * Samples patches whose centre is a foreground voxel (label > 0), uniformly over all such voxels of a site. The centre of
 * a window of side p is voxel floor(p / 2).
 *
 * Volumes count as padded with zeros by half a patch all round: tightly cropped brains then give the same patches
 * as images with air around them, and cortex at the border is not drawn less often. Centres of a site are drawn
 * without replacement until all have been used. Throws DataError for a subject without label and a site without
 * foreground.
 */
export function patchSampler(
  subjects: readonly PreparedSubject[],
  options: PatchSamplerOptions,
): PatchSampler {
  const { patch, seed, sites = sitesOf(subjects) } = options
  const pools = sites.map((site) => {
    const members = subjects.filter((subject) => subject.site === site)
    return centrePool(members, site)
  })
  const orders = pools.map((pool, site) => permutation(pool.count, seed, 'patch', sites[site]!))

  function draw(site: number, index: number): PatchDraw {
    const pool = pools[site]!
    const { subject, centre } = pool.centreAt(orders[site]!.at(index))
    const corner = centre.map((position) => position - Math.floor(patch / 2)) as unknown as Triple
    return { subject, site, corner }
  }
  return { sites, patch, draw }
}

/**
 * Copies a patch into batch buffers: the image [side, side, side, C] at `imageOffset`, and the internal classes
 * [side, side, side] at `labelOffset`. What lies outside the volume becomes 0, background.
 */
export function extractPatch(
  draw: Pick<PatchDraw, 'subject' | 'corner'>,
  patch: number,
  image: Float32Array,
  imageOffset: number,
  label: Uint8Array,
  labelOffset: number,
): void {
  const { subject, corner } = draw
  const { shape, channels } = subject
  copyCube({ data: subject.image, shape, channels }, corner, patch, image, imageOffset)
  if (subject.label === undefined) throw withoutLabel(subject)
  copyCube({ data: subject.label, shape, channels: 1 }, corner, patch, label, labelOffset)
}

/** All eligible patch centres of one site in a fixed order. */
interface CentrePool {
  readonly count: number
  centreAt(rank: number): { readonly subject: PreparedSubject; readonly centre: Triple }
}

function centrePool(subjects: readonly PreparedSubject[], site: string): CentrePool {
  // Ranks of the subjects' first centres, and the total at the end.
  const firsts = [0]
  const indices = subjects.map((subject) => {
    const index = centreIndex(subject)
    firsts.push(firsts.at(-1)! + index.count)
    return index
  })
  const count = firsts.at(-1)!
  if (count === 0) {
    throw new DataError(`The subjects of site ${site} have no voxel with a tissue label.`, {
      fix: 'check the labels, their convention and the mask',
    })
  }
  function centreAt(rank: number) {
    const member = lastAtMost(firsts, rank)
    return { subject: subjects[member]!, centre: indices[member]!.centreAt(rank - firsts[member]!) }
  }
  return { count, centreAt }
}

/** Finds the n-th foreground voxel of a subject from counts per row, far smaller than a list of voxels. */
function centreIndex(subject: PreparedSubject) {
  const { label, shape } = subject
  if (label === undefined) throw withoutLabel(subject)
  const [depth, height, width] = shape
  const firsts = new Uint32Array(depth * height + 1)
  for (let row = 0; row < depth * height; row++) {
    let count = 0
    for (let x = 0; x < width; x++) if (label[row * width + x]! > 0) count++
    firsts[row + 1] = firsts[row]! + count
  }
  function centreAt(rank: number): Triple {
    const row = lastAtMost(firsts, rank)
    let left = rank - firsts[row]!
    let x = 0
    while (label![row * width + x] === 0 || left-- > 0) x++
    return [Math.floor(row / height), row % height, x]
  }
  return { count: firsts.at(-1)!, centreAt }
}

/** Largest position whose value is at most `target`, in non-decreasing values that start with at most it. */
function lastAtMost(values: ArrayLike<number>, target: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (values[middle]! <= target) low = middle
    else high = middle - 1
  }
  return low
}

function withoutLabel(subject: PreparedSubject): DataError {
  return new DataError(`The participant ${subject.id} of site ${subject.site} has no label to train with.`, {
    fix: 'add the label to the data set, or leave the participant out',
  })
}
