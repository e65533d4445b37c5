import { CLASSES, type Tissue } from '@voxnorm/data'
import { collapseOf } from '@voxnorm/report'
import { type Experiment, runOf, type Study, sitesOfSetting } from '../experiments.ts'
import { figure4, figure8, type SlicePanel } from '../figures/bias-field.ts'
import { figure9 } from '../figures/confusion.ts'
import { figure2, figure7 } from '../figures/histograms.ts'
import { mosaicFigure } from '../figures/mosaic.ts'
import { figure5, type LabelPanel } from '../figures/segmentations.ts'
import type { RawHistogram } from '../measurement/raw-histograms.ts'
import type { MeasuredBias, Measurement, Plane } from '../measurement/records.ts'
import { PAPER_LAMBDA, TABLE7 } from '../published.ts'
import type { Measured } from '../results/aggregate.ts'

/** A figure of the paper, drawn from the runs. */
export interface Figure {
  /** Number in the paper. */
  readonly number: number
  readonly svg: string
  /** What it shows, and how the paper's looks. */
  readonly caption: string
}

/** Draws every figure whose runs are there, in the order of their numbers. */
export function drawFigures(
  experiments: readonly Experiment[],
  study: Study,
  measured: Measured,
  raw: readonly RawHistogram[],
): Figure[] {
  const [seed] = study.seeds as [number]
  const dual = sitesOfSetting(study, 'dual')
  const of = (approach: 'preprocessor' | 'ours', other = {}) =>
    measured(runOf(study, approach, dual, seed, other))
  const [without, ours, biased] = [of('preprocessor'), of('ours'), of('ours', { biased: true })]
  const wants = (...names: Experiment[]) => names.some((name) => experiments.includes(name))
  const figures: (Figure | undefined)[] = []
  if (wants('table3', 'table4', 'game')) {
    figures.push(without && mosaic(1, without), figureOfHistograms(raw))
  }
  if (wants('table6')) figures.push(biased && biasPanels(biased))
  if (wants('table3')) figures.push(without && ours && segmentations(dual, without, ours))
  if (wants('table3', 'table4', 'game'))
    figures.push(ours && mosaic(6, ours), ours && intensities(dual, ours))
  if (wants('table6')) figures.push(biased && profiles(dual, biased))
  if (wants('table7')) figures.push(confusions(dual, (lambda) => of('ours', { lambda })))
  return figures.filter((figure) => figure !== undefined)
}

function mosaic(number: 1 | 6, { patches, run }: Measurement): Figure {
  const { side, examples } = patches
  const patchesOf = (stage: 'raw' | 'normalized') =>
    examples.map((example) => ({ pixels: Float32Array.from(example[stage]), side, site: example.site }))
  const name = run.approach === 'ours' ? 'ours' : 'Pre-processor'
  return {
    number,
    svg: mosaicFigure({
      title: `Patches of ${run.sites.join(' and ')} before and after (${name})`,
      left: { caption: 'raw', patches: patchesOf('raw') },
      right: { caption: name, patches: patchesOf('normalized') },
      insets: number === 6,
    }),
    caption:
      number === 1
        ? 'Middle slices of training patches, raw and as the generator without a discriminator makes them. In the paper their contrast is unlike any scan.'
        : 'The same patches as the generator of the whole method makes them, two of them magnified. In the paper they look like scans of one site.',
  }
}

function figureOfHistograms(raw: readonly RawHistogram[]): Figure | undefined {
  if (raw.length === 0) return undefined
  return {
    number: 2,
    svg: figure2({ title: 'Intensities of the tissues as the scanners store them', panels: raw }),
    caption:
      'Voxels of the training subjects by tissue and site, on one axis. In the paper the ranges of the two sites hardly overlap.',
  }
}

function biasPanels({ bias }: Measurement): Figure | undefined {
  const [first] = bias
  if (first === undefined) return undefined
  const { input, field, degraded, normalized } = first.planes
  const panel = (caption: string, plane: Plane): SlicePanel => ({
    ...plane,
    caption,
    pixels: Float32Array.from(plane.values),
  })
  return {
    number: 4,
    svg: figure4({
      title: `A bias field on a test subject of ${first.site}`,
      panels: [
        panel('input', input),
        panel('field, α = 0.5', field),
        panel('degraded', degraded),
        panel('normalised', normalized),
      ],
      window: [0, 1],
    }),
    caption:
      'An axial slice, the ramp of Eq. (7) along y, their product, and what the generator makes of it; the same grey scale but for the field.',
  }
}

function segmentations(sites: readonly string[], without: Measurement, ours: Measurement): Figure {
  const panel = (caption: string, { width, height, values }: Plane): LabelPanel => ({
    caption,
    width,
    height,
    labels: Uint8Array.from(values),
  })
  const rows = sites.flatMap((site) => {
    const [a, b] = [without, ours].map(({ subjects }) => subjects.find((subject) => subject.site === site))
    if (a === undefined || b === undefined) return []
    return [
      {
        site,
        columns: [
          panel('ground truth', b.plane.reference),
          panel('Pre-processor', a.plane.prediction),
          panel('ours', b.plane.prediction),
        ],
      },
    ]
  })
  return {
    number: 5,
    svg: figure5({ title: 'Segmentations of a test subject of each site', rows }),
    caption: `Axial slices; the colours stand for ${CLASSES.join(', ')}.`,
  }
}

function intensities(sites: readonly string[], { subjects }: Measurement): Figure {
  const panels = (['GM', 'WM', 'CSF'] as const satisfies readonly Tissue[]).map((tissue) => ({
    tissue,
    series: (['raw', 'normalized'] as const).flatMap((stage) =>
      sites.map((site) => ({
        name: `${site}, ${stage === 'raw' ? 'input' : 'normalised'}`,
        style: stage === 'raw' ? ('solid' as const) : ('dashed' as const),
        points: density(
          subjects.filter((subject) => subject.site === site).map(({ tissues }) => tissues[tissue][stage]),
        ),
      })),
    ),
  }))
  return {
    number: 7,
    svg: figure7({ title: 'Intensities of the tissues before and after', panels }),
    caption:
      'Test images, tissues by the reference labels. The closer the dashed curves of a tissue, the more alike its normalised intensities.',
  }
}

function profiles(sites: readonly string[], { bias }: Measurement): Figure | undefined {
  const panels = sites.flatMap((site) => {
    const own: MeasuredBias | undefined = bias.find((one) => one.site === site)
    if (own === undefined) return []
    const curves = own.profiles.map(({ name, generated, values }) => ({
      name,
      style: generated ? ('dashed' as const) : ('solid' as const),
      points: values.map((y, x) => ({ x, y })),
    }))
    return [{ site, curves }]
  })
  if (panels.length === 0) return undefined
  return {
    number: 8,
    svg: figure8({ title: 'Intensity along the bias field', panels }),
    caption:
      'Mean z-score of the brain voxels of an axial slice at each y. Dashed: normalised; a generator that removes the field brings them back to the original.',
  }
}

function confusions(
  sites: readonly string[],
  of: (lambda: number) => Measurement | undefined,
): Figure | undefined {
  // A model numbers its sites alphabetically.
  const names = [...[...sites].sort(), 'generated']
  const columns = TABLE7.flatMap(({ lambda }) => {
    const discriminator = of(lambda)?.patches.discriminator
    if (discriminator === undefined) return []
    return [
      {
        lambda: String(lambda),
        collapsed: (['train', 'test'] as const).filter(
          (split) => collapseOf(names, discriminator[split].confusion) !== undefined,
        ),
        train: generatedFirst(discriminator.train.confusion),
        test: generatedFirst(discriminator.test.confusion),
      },
    ]
  })
  if (columns.length === 0) return undefined
  const collapsed = columns.flatMap(({ lambda, collapsed }) =>
    collapsed.map((split) => `λ = ${lambda} (${split === 'train' ? 'training' : 'test'} patches)`),
  )
  return {
    number: 9,
    svg: figure9({
      title: 'What the discriminator takes patches for',
      columns,
      names: ['Generated', ...names.slice(0, -1)],
    }),
    caption: `Shares of all patches, real and generated, in evaluation mode; training patches above, test patches below. λ as the paper counts it (${PAPER_LAMBDA} is its own).${collapsed.length === 0 ? '' : ` The discriminator has collapsed to one answer at ${collapsed.join(', ')}: nothing can be read from it about the generator.`}`,
  }
}

/** Puts the last class first, in rows and columns. */
function generatedFirst(matrix: readonly (readonly number[])[]): number[][] {
  const turned = (row: readonly number[]) => [row.at(-1)!, ...row.slice(0, -1)]
  return [turned(matrix.at(-1)!), ...matrix.slice(0, -1).map(turned)]
}

/** Density over [0, 1] of counts in equal bins, those of several subjects together. */
function density(counts: readonly (readonly number[])[]): { x: number; y: number }[] {
  const bins = counts[0]?.length ?? 0
  const sums = Array.from({ length: bins }, (_, bin) => counts.reduce((sum, row) => sum + row[bin]!, 0))
  const total = sums.reduce((sum, count) => sum + count, 0)
  return sums.map((count, bin) => ({ x: (bin + 0.5) / bins, y: total === 0 ? 0 : (count / total) * bins }))
}
