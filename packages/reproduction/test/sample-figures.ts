import type { Point } from '@voxnorm/report'
import { figure4, figure8, type SlicePanel } from '../src/figures/bias-field.ts'
import { comparisonChart } from '../src/figures/comparison.ts'
import { figure9 } from '../src/figures/confusion.ts'
import { figure2, figure7 } from '../src/figures/histograms.ts'
import { type MosaicPatch, mosaicFigure } from '../src/figures/mosaic.ts'
import { figure5 } from '../src/figures/segmentations.ts'

const SITES = ['iSEG & co', 'MRBrainS <13>'] as const
const TITLE = 'Patches with "contrast" < 1 & more (λ = 1.5)'

export const bins = (from: number, to: number, height = 10): Point[] =>
  Array.from({ length: 20 }, (_, bin) => ({
    x: from + ((bin + 0.5) * (to - from)) / 20,
    y: height * (1 + (bin % 5)),
  }))

/** A patch that rises from `low` to `high` along its rows. */
function ramp(site: string, low: number, high: number, side = 8): MosaicPatch {
  const pixels = Float32Array.from(
    { length: side * side },
    (_, voxel) => low + ((high - low) * voxel) / (side * side - 1),
  )
  return { site, side, pixels }
}

const raw = [
  ramp(SITES[0], 0, 1),
  ramp(SITES[1], 2, 4),
  ramp(SITES[0], 1, 2),
  ramp(SITES[1], 0.5, 3),
  ramp(SITES[0], 0, 2),
]
export const mosaic = (insets: boolean) =>
  mosaicFigure({
    title: TITLE,
    left: { caption: 'raw', patches: raw },
    right: { caption: 'normalised', patches: raw.map(({ site }) => ramp(site, 0.2, 0.8)) },
    insets,
  })

const slice = (caption: string, pixels: readonly number[]): SlicePanel => ({
  caption,
  pixels: Float32Array.from(pixels),
  width: 3,
  height: 2,
})
export const biasField = () =>
  figure4({
    title: TITLE,
    window: [1, 3],
    panels: [
      slice('input', [0, 1, 2, 3, 4, 2]),
      slice('bias field, α = 0.5', [0.5, 0.5, 1, 1, 1.5, 1.25]),
      slice('degraded', [1, 1, 1, 3, 3, 3]),
      slice('normalised', [2, 2, 2, 2, 2, 2]),
    ],
  })

export const segmentations = () =>
  figure5({
    title: TITLE,
    rows: SITES.map((site) => ({
      site,
      columns: ['truth', 'Pre-processor', 'ours'].map((caption) => ({
        caption,
        labels: Uint8Array.of(0, 1, 2, 3),
        width: 2,
        height: 2,
      })),
    })),
  })

const curves = [
  { name: 'original', style: 'solid' as const, points: bins(0, 30) },
  { name: 'α = 0.5', style: 'solid' as const, points: bins(0, 30) },
  { name: 'α = 0.5, normalised', style: 'dashed' as const, points: bins(0, 30) },
]

// The first and third matrix of the paper's Fig. 9 for λ = 0.1.
export const confusion = () =>
  figure9({
    title: TITLE,
    names: ['Generated', 'MRBrainS', 'iSEG'],
    columns: ['0.1', '1.5'].map((lambda) => ({
      lambda,
      train: [
        [0.5, 0, 0],
        [0.0001, 0.2449, 0.0051],
        [0, 0.0054, 0.2446],
      ],
      test: [
        [0, 0, 0.5],
        [0.0409, 0.1946, 0.0145],
        [0.0997, 0, 0.1503],
      ],
    })),
  })

export const comparison = () =>
  comparisonChart({
    title: TITLE,
    x: 'Dice',
    rows: [
      { name: 'Standardization', ours: 0.5, published: 0.9, low: 0.4, high: 0.6 },
      { name: 'Pre-processor', ours: 0.6, published: 0.8 },
      { name: 'Ours', ours: 0.8 },
    ],
  })

export const rawHistograms = () =>
  figure2({
    title: TITLE,
    panels: SITES.map((site, index) => {
      const points = bins(0, index === 0 ? 200 : 800)
      return { site, tissues: { CSF: points, GM: points, WM: points } }
    }),
  })

export const FIGURES: Readonly<Record<string, () => string>> = {
  mosaic: () => mosaic(true),
  figure2: rawHistograms,
  figure4: biasField,
  figure5: segmentations,
  figure7: () =>
    figure7({
      title: TITLE,
      panels: (['GM', 'WM', 'CSF'] as const).map((tissue) => ({ tissue, series: curves })),
    }),
  figure8: () => figure8({ title: TITLE, panels: SITES.map((site) => ({ site, curves })) }),
  figure9: confusion,
  comparison,
}
