import { TISSUES } from '@voxnorm/data'
import type { Run, Study } from '../src/experiments.ts'
import type { MeasuredSubject, Measurement } from '../src/measurement/records.ts'

/** Three sites in the roles of the paper's, two modalities, one seed. */
export const STUDY: Study = { sites: ['a', 'b', 'c'], modalities: ['T1w', 'T2w'], seeds: [7] }

/** Of two sites and what is generated. */
const CONFUSION = [
  [0.2, 0, 0.05],
  [0, 0.15, 0.1],
  [0.1, 0.1, 0.3],
]

const counts = (bins: number, at: number) => Array.from({ length: bins }, (_, bin) => (bin === at ? 100 : 0))

/** A test subject with the same Dice for every tissue. */
export function subjectOf(site: string, participant: string, dice: number): MeasuredSubject {
  const tissues = { raw: counts(64, 10), normalized: counts(64, 20) }
  const plane = { width: 2, height: 1, values: [0, 1] }
  return {
    participant,
    site,
    scores: TISSUES.map((label) => ({
      participant_id: participant,
      site,
      label,
      dice,
      hd95: 2,
      hd: 4,
      mhd: 3,
      assd: 1 - dice,
      volume_mm3: 1000,
      reference_mm3: 1000,
    })),
    tissues: { CSF: tissues, GM: tissues, WM: tissues },
    whole: { raw: counts(256, 40), normalized: counts(256, 80) },
    trust: {
      structure: {
        modality: 'T1w',
        structureIndex: 0.99,
        ssim: 0.9,
        gradientCorrelation: 0.9,
        edgeF1: 0.8,
        seamIndex: 1.1,
      },
      classical: { segmenterVolumes: { CSF: 0, GM: 0, WM: 0 } },
      likeness: { distance: 2, percentile: 100, nearestSite: 'a' },
    },
    calibration: { ece: 0.05, brier: 0.2, bins: [] },
    plane: { reference: plane, prediction: plane },
  }
}

const probe = (accuracy: number, p: number) => ({
  accuracy,
  chance: 0.5,
  p,
  confusion: [],
  sites: ['a', 'b'],
  subjects: 8,
})

/** A measurement whose test subjects have the Dice that `dice` gives for their site: two of each. */
export function measurementOf(
  run: Run,
  dice: (site: string) => number,
  other: Partial<Measurement> = {},
): Measurement {
  const regions = ['all', 'CSF', 'GM', 'WM'] as const
  return {
    run,
    iterations: 100,
    seconds: 10,
    adapter: 'test',
    subjects: STUDY.sites.flatMap((site) => [
      subjectOf(site, '1', dice(site) - 0.01),
      subjectOf(site, '2', dice(site) + 0.01),
    ]),
    harmonization: regions.flatMap((tissue) =>
      ['jsd', 'wasserstein'].map((measure) => ({
        measure,
        site_a: 'all',
        site_b: 'all',
        tissue,
        raw: 0.4,
        normalized: 0.1,
      })),
    ),
    patches: {
      sites: { raw: probe(1, 0.005), normalized: probe(0.7, 0.1) },
      discriminator:
        run.approach === 'ours'
          ? {
              train: { accuracy: 0.9 / (1 + run.lambda), confusion: CONFUSION },
              test: { accuracy: 0.5 / (1 + run.lambda), confusion: CONFUSION },
            }
          : undefined,
      side: 2,
      examples: [{ site: 'a', raw: [0, 1, 0, 1], normalized: [1, 0, 1, 0] }],
    },
    bias: [],
    ...other,
  }
}
