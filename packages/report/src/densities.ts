import { TISSUES } from '@voxnorm/data'
import type { Preview } from '@voxnorm/pipeline'
import { type Curve, densityChart, highest, slidingDensityChart } from './charts/charts.ts'
import { legendHtml } from './charts/legend.ts'
import { siteColor } from './colors.ts'
import { escapeHtml } from './html.ts'

type Stage = 'raw' | 'normalized'

/**
 * Histograms of each tissue before and after, pooled over the subjects of each site.
 *
 * Two radio buttons move the curves from before to after, without a script. On paper, in browsers that cannot move curves,
 * and where the two have different units, they stand below each other.
 */
export function densitiesHtml(previews: readonly Preview[], sites: readonly string[]): string {
  const [first] = previews
  const both = previews.every(({ histograms }) =>
    histograms.every(({ normalized }) => normalized !== undefined),
  )
  const moving = both && String(first!.rawRange) === String(first!.normalizedRange)
  const figures = TISSUES.map((tissue) => {
    const before = curvesOf(previews, sites, tissue, 'raw')
    const after = curvesOf(previews, sites, tissue, 'normalized')
    const top = moving ? highest([...before, ...after]) : undefined
    const stills =
      caption(both ? `${tissue}, input` : tissue) +
      densityChart(before, 'intensity', top) +
      (both ? caption(`${tissue}, normalised`) + densityChart(after, 'intensity', top) : '')
    if (!moving) return `<figure>${stills}</figure>`
    const sliding = caption(tissue) + slidingDensityChart(before, after, 'intensity')
    return `<figure><div class="moving">${sliding}</div><div class="still">${stills}</div></figure>`
  })
  const from = previews.every(({ tissuesFrom }) => tissuesFrom === 'reference')
    ? 'reference labels'
    : 'the prediction'
  const where = previews.some(({ voxelsFrom }) => voxelsFrom === 'slab') ? ' around the slices above' : ''
  const control = moving
    ? '<input type="radio" name="stage" id="stage-before" checked><label for="stage-before">before</label>' +
      '<input type="radio" name="stage" id="stage-after"><label for="stage-after">after</label>'
    : ''
  return (
    `<p class="note">Share of the voxels${where} per intensity; tissues by ${from}. ` +
    'Where the curves of two sites lie on each other, the sites agree.</p>' +
    legendHtml(sites.map((name, index) => ({ name, color: siteColor(index), mark: 'area' }))) +
    `<div class="slide">${control}<div class="figures">${figures.join('')}</div></div>`
  )
}

function caption(text: string): string {
  return `<figcaption>${escapeHtml(text)}</figcaption>`
}

function curvesOf(
  previews: readonly Preview[],
  sites: readonly string[],
  tissue: string,
  stage: Stage,
): Curve[] {
  const range = stage === 'raw' ? previews[0]!.rawRange : previews[0]!.normalizedRange
  return sites.flatMap((site, index) => {
    const counts = pool(
      previews.filter((preview) => preview.site === site),
      tissue,
      stage,
    )
    return counts === undefined
      ? []
      : [{ name: site, color: siteColor(index), points: density(counts, range) }]
  })
}

function pool(previews: readonly Preview[], tissue: string, stage: Stage): number[] | undefined {
  const all = previews.flatMap(({ histograms }) =>
    histograms.flatMap((one) => (one.tissue === tissue && one[stage] ? [one[stage]] : [])),
  )
  return all[0]?.map((_, bin) => all.reduce((sum, counts) => sum + counts[bin]!, 0))
}

function density(counts: readonly number[], [low, high]: readonly [number, number]): Curve['points'] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const width = (high - low) / counts.length
  return counts.map((count, bin) => ({
    x: low + (bin + 0.5) * width,
    y: total > 0 ? count / total / width : 0,
  }))
}
