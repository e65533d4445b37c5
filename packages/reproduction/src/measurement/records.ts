import type { Calibration, SiteProbe, Tissue } from '@voxnorm/data'
import type { HarmonizationRow, SegmentationRow, Trust } from '@voxnorm/pipeline'
import type { Run } from '../experiments.ts'

/** A plane of voxels in rows from the top. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly values: readonly number[]
}

/** Counts of voxels in equal bins over [0, 1], of the scaled input and of what the run's networks make of it. */
export interface BeforeAfterCounts {
  readonly raw: readonly number[]
  readonly normalized: readonly number[]
}

/** What a run does to one test subject. */
export interface MeasuredSubject {
  readonly participant: string
  readonly site: string
  /** Against the reference labels on the subject's own grid, a row for each tissue. */
  readonly scores: readonly SegmentationRow[]
  /** Brain voxels of each tissue by the reference labels, 64 bins. */
  readonly tissues: Readonly<Record<Tissue, BeforeAfterCounts>>
  /** All voxels, the background of zeros included, 256 bins: what the authors' script counted. */
  readonly whole: BeforeAfterCounts
  /** Undefined without a generator. */
  readonly trust: Trust | undefined
  readonly calibration: Calibration
  /** Internal classes of an axial plane. */
  readonly plane: { readonly reference: Plane; readonly prediction: Plane }
}

/** How a discriminator judges patches: rows actual, columns predicted, `[sites…, generated]`; fractions of all. */
export interface Judgement {
  readonly accuracy: number
  readonly confusion: readonly (readonly number[])[]
}

/** What a run does to patches. */
export interface MeasuredPatches {
  /** An independent classifier's guess of the site. */
  readonly sites: { readonly raw: SiteProbe; readonly normalized: SiteProbe }
  readonly discriminator: { readonly train: Judgement; readonly test: Judgement } | undefined
  /** Middle planes of a few patches; each of `side`² values. */
  readonly side: number
  readonly examples: readonly {
    readonly site: string
    readonly raw: readonly number[]
    readonly normalized: readonly number[]
  }[]
}

/** Pearson correlation of intensity and position along y, in an axial slice and in the whole brain. */
export interface BiasPoint {
  /** Slope of the field; 0 is the original. */
  readonly alpha: number
  readonly degraded: { readonly slice: number; readonly volume: number }
  readonly normalized: { readonly slice: number; readonly volume: number }
}

/** What a run does to bias fields on one test subject (section 3.5 of the paper). */
export interface MeasuredBias {
  readonly participant: string
  readonly site: string
  readonly points: readonly BiasPoint[]
  /** Mean z-scored intensity of the brain voxels of the slice at each y, from the first brain voxel on. */
  readonly profiles: readonly {
    readonly name: string
    readonly generated: boolean
    readonly values: readonly number[]
  }[]
  /** The slice for α = 0.5. */
  readonly planes: {
    readonly input: Plane
    readonly field: Plane
    readonly degraded: Plane
    readonly normalized: Plane
  }
}

/** measurements/KEY.json: everything that the tables need of a run. */
export interface Measurement {
  readonly run: Run
  readonly iterations: number
  readonly seconds: number
  readonly adapter: string
  readonly subjects: readonly MeasuredSubject[]
  readonly harmonization: readonly HarmonizationRow[]
  readonly patches: MeasuredPatches
  readonly bias: readonly MeasuredBias[]
}

/** examinations/KEY.json: what would cost too much for every run. */
export interface Examination {
  readonly run: Run
  readonly subjects: readonly {
    readonly participant: string
    readonly site: string
    /** ‖G(G(x)) − G(x)‖ / ‖G(x) − x‖ in the brain: 0 where normalising twice changes nothing more. */
    readonly idempotence: number
    /** Contrast that each planted lesion keeps; 1 is all. */
    readonly lesionRetention: readonly number[]
    /** Share of the brain that changed though nothing was planted there. */
    readonly invented: number
  }[]
}
