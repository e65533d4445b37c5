import { labelConvention, TISSUES, type Tissue, toInternal } from '@voxnorm/data'
import { readVolumeFile } from '@voxnorm/data/node'
import { type Cohort, subjectsOf } from '../subjects.ts'

/** Voxel counts of each tissue in equal bins from 0 to the largest intensity of the figure. */
export interface RawHistogram {
  readonly site: string
  readonly tissues: Readonly<Record<Tissue, { readonly x: number; readonly y: number }[]>>
}

const BINS = 56
/** Training subjects of a site that are counted. */
const SUBJECTS = 4
/** The axis ends here, so that a few bright vessels do not squeeze everything else. */
const SHARE_SHOWN = 0.999

/** Intensities as the scanners stored them, by tissue and site (Fig. 2 of the paper). */
export async function rawHistograms(cohort: Cohort, sites: readonly string[]): Promise<RawHistogram[]> {
  const modality = cohort.modalities[0]!
  const pools: { site: string; tissues: Record<Tissue, number[]> }[] = []
  for (const site of sites) {
    const tissues: Record<Tissue, number[]> = { CSF: [], GM: [], WM: [] }
    for (const subject of subjectsOf(cohort, [site], 'train', SUBJECTS)) {
      const { data } = await readVolumeFile(subject.images[modality]!)
      const label = await readVolumeFile(subject.label!)
      const classes = toInternal(label.data, labelConvention(subject.labels ?? 'bids'), subject.label!)
      data.forEach((value, voxel) => {
        const tissue = TISSUES[classes[voxel]! - 1]
        if (tissue !== undefined) tissues[tissue].push(value)
      })
    }
    pools.push({ site, tissues })
  }
  const highest = Math.max(
    ...pools.map(({ tissues }) => upperEnd(TISSUES.flatMap((tissue) => tissues[tissue]))),
  )
  return pools.map(({ site, tissues }) => ({
    site,
    tissues: {
      CSF: counted(tissues.CSF, highest),
      GM: counted(tissues.GM, highest),
      WM: counted(tissues.WM, highest),
    },
  }))
}

function upperEnd(values: readonly number[]): number {
  const sorted = Float32Array.from(values).sort()
  return sorted[Math.floor(SHARE_SHOWN * (sorted.length - 1))] ?? 1
}

function counted(values: readonly number[], highest: number): { x: number; y: number }[] {
  const counts = new Array<number>(BINS).fill(0)
  for (const value of values) {
    const bin = Math.floor((value / highest) * BINS)
    if (bin >= 0 && bin < BINS) counts[bin]!++
  }
  return counts.map((y, bin) => ({ x: ((bin + 0.5) * highest) / BINS, y }))
}
