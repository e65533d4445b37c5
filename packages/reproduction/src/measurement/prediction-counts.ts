import { type MaskFrom, windowCorners } from '@voxnorm/data'
import type { SubjectLoader } from '@voxnorm/data/node'
import type { Config } from '@voxnorm/pipeline/training'
import { type Run, testedSites } from '../experiments.ts'
import type { Predictions } from '../scale.ts'
import { type Cohort, subjectsOf } from '../subjects.ts'

/** Predictions of a biased run for each test subject: the original and four bias fields, besides the measured one. */
const BIASED_PREDICTIONS = 6

/**
 * A function that counts what a run is measured by: predicted volumes, and their windows, from one test subject of each
 * site.
 */
export async function predictionCounter(
  cohort: Cohort,
  load: SubjectLoader['load'],
  maskFrom: MaskFrom,
): Promise<(run: Run, config: Config, testSubjects: number) => Predictions> {
  const voxelSize = 2
  const brains = await Promise.all(
    cohort.sites.map(async (site) => {
      const [subject] = subjectsOf(cohort, [site], 'test', 1)
      const { shape, mask } = await load(subject!, {
        scaling: 'max',
        maskFrom,
        voxelSize,
        modalities: cohort.modalities.slice(0, 1),
        margin: 0,
      })
      return { site, shape, mask }
    }),
  )
  return (run, { data, inference }, testSubjects) => {
    // Windows of the same size and distance in mm, whatever the voxels.
    const inVoxels = (length: number) => Math.max(1, Math.round((length * data.voxelSize) / voxelSize))
    const perSubject = (site: string) => {
      const { shape, mask } = brains.find((brain) => brain.site === site)!
      return windowCorners(shape, inVoxels(data.patch), inVoxels(inference.stride), mask).length
    }
    const repetitions = run.biased ? BIASED_PREDICTIONS : 1
    const sites = testedSites(run, cohort).map((site) => ({
      volumes: subjectsOf(cohort, [site], 'test', testSubjects).length,
      windows: perSubject(site),
    }))
    return {
      volumes: sites.reduce((sum, { volumes }) => sum + volumes, 0),
      windows: sites.reduce((sum, { volumes, windows }) => sum + repetitions * volumes * windows, 0),
    }
  }
}
