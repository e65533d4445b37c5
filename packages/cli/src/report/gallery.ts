import { densityChart, escapeHtml, legend, siteColor, TISSUE_COLORS } from './charts.ts'
import { figureGrid } from './page.ts'
import { greyPng, type PaletteColor, palettePng, pngUri } from './png.ts'
import type { Preview, PreviewSlice } from './preview.ts'

type Range = readonly [number, number]

// Label images cannot use the page's variables; these are its tissue colours for light surroundings.
const LABEL_PALETTE: readonly PaletteColor[] = [
  [0, 0, 0, 0],
  [47, 104, 197, 255],
  [47, 143, 85, 255],
  [204, 75, 55, 255],
]

/**
 * Before and after in three planes, with the segmentation, one block per subject.
 *
 * Raw images are shown each in its own window, as they would be viewed; all normalised ones share one window, so that
 * equal grey means equal intensity across sites. Resting on an image shows the one below it.
 */
export function slicesHtml(previews: readonly Preview[]): string {
  const common = commonWindow(previews)
  const blocks = previews.map((preview) => {
    const own = percentileWindow(preview.histograms.map(({ raw }) => raw))
    const rows = preview.slices.map((slice) => sliceRow(slice, own, common))
    const title = [preview.participant, preview.site, preview.modality, preview.split].filter(
      (word) => word !== 'n/a',
    )
    return `<h3>${escapeHtml(title.join(' · '))}</h3>${rows.join('')}`
  })
  const tissues = Object.entries(TISSUE_COLORS).map(([name, color]) => ({ name, color }))
  return (
    legend(tissues) +
    '<p class="note">Left to right: input, normalised, segmentation, reference labels where there are any. ' +
    'Rest the pointer on the normalised image to flicker back to the input, on a segmentation to lift it off. ' +
    'Inputs are windowed one by one; all normalised images share one window.</p>' +
    blocks.join('')
  )
}

/** Histograms of each tissue before and after, pooled over the subjects of each site. */
export function histogramsHtml(previews: readonly Preview[], sites: readonly string[]): string {
  const figures = (['CSF', 'GM', 'WM'] as const).flatMap((tissue) =>
    (['raw', 'normalized'] as const).map((stage) => {
      const range = stage === 'raw' ? previews[0]!.rawRange : previews[0]!.normalizedRange
      const curves = sites.flatMap((site, index) => {
        const counts = pool(
          previews.filter((preview) => preview.site === site),
          tissue,
          stage,
        )
        return counts === undefined
          ? []
          : [{ name: site, color: siteColor(index), points: density(counts, range) }]
      })
      const caption = `${tissue}, ${stage === 'raw' ? 'input' : 'normalised'}`
      return { caption, body: densityChart(curves, 'intensity') }
    }),
  )
  const from = previews.every(({ tissuesFrom }) => tissuesFrom === 'reference')
    ? 'reference labels'
    : 'the prediction'
  return (
    legend(sites.map((name, index) => ({ name, color: siteColor(index) }))) +
    `<p class="note">Share of voxels per intensity; tissues by ${from}. Curves that lie on each other mean that the sites agree.</p>` +
    figureGrid(figures)
  )
}

function sliceRow(slice: PreviewSlice, own: Range, common: Range): string {
  const grey = (pixels: string, window: Range) =>
    pngUri(greyPng(applyWindow(bytes(pixels), window), slice.width))
  const labels = (pixels: string) => pngUri(palettePng(bytes(pixels), slice.width, LABEL_PALETTE))
  const raw = grey(slice.raw, own)
  const normalized = grey(slice.normalized, common)
  const { plane } = slice
  const cells = [
    stack('', slice, [[raw, `input, ${plane}`]]),
    stack('flicker', slice, [
      [raw, `input, ${plane}`],
      [normalized, `normalised, ${plane}`],
    ]),
    stack('overlay', slice, [
      [normalized, `normalised, ${plane}`],
      [labels(slice.prediction), `segmentation, ${plane}`],
    ]),
  ]
  if (slice.reference !== undefined) {
    cells.push(
      stack('overlay', slice, [
        [normalized, `normalised, ${plane}`],
        [labels(slice.reference), `reference labels, ${plane}`],
      ]),
    )
  }
  return `<div class="slices">${cells.join('')}</div>`
}

function stack(
  kind: string,
  { width, height, aspect }: PreviewSlice,
  images: readonly (readonly [string, string])[],
): string {
  const tags = images.map(([uri, text]) => `<img alt="${text}" src="${uri}">`)
  return `<div class="stack ${kind}" tabindex="0" style="aspect-ratio:${width}/${(height * aspect).toFixed(2)}">${tags.join('')}</div>`
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

/** Spreads the part of the grey levels between the window's ends over all of them. */
function applyWindow(pixels: Uint8Array, [low, high]: Range): Uint8Array {
  return pixels.map((value) => Math.round(255 * Math.min(1, Math.max(0, (value / 255 - low) / (high - low)))))
}

function commonWindow(previews: readonly Preview[]): Range {
  return percentileWindow(
    previews.flatMap(({ histograms }) => histograms.map(({ normalized }) => normalized)),
  )
}

/** From zero to the 99.5th percentile of the counted voxels, both as shares of the histograms' range. */
function percentileWindow(histograms: readonly (readonly number[])[]): Range {
  const bins = histograms[0]?.length ?? 0
  const total = histograms.flat().reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (let bin = 0; bin < bins; bin++) {
    for (const histogram of histograms) seen += histogram[bin]!
    if (total > 0 && seen >= 0.995 * total) return [0, (bin + 1) / bins]
  }
  return [0, 1]
}

function pool(
  previews: readonly Preview[],
  tissue: string,
  stage: 'raw' | 'normalized',
): number[] | undefined {
  const all = previews.flatMap(({ histograms }) => histograms.filter((one) => one.tissue === tissue))
  if (all.length === 0) return undefined
  return all[0]![stage].map((_, bin) => all.reduce((sum, histogram) => sum + histogram[stage][bin]!, 0))
}

function density(counts: readonly number[], [low, high]: Range): { x: number; y: number }[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const width = (high - low) / counts.length
  return counts.map((count, bin) => ({
    x: low + (bin + 0.5) * width,
    y: total > 0 ? count / total / width : 0,
  }))
}
