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
 * Before and after with the segmentation: one block per plane, one row per subject, so that sites stand below each other.
 *
 * All inputs share one grey scale and all normalised images share another: equal grey in a column means equal intensity,
 * which is what a difference between sites is. Resting on an image shows the one below it.
 */
export function slicesHtml(previews: readonly Preview[]): string {
  const scales = {
    raw: percentileWindow(previews.flatMap(({ histograms }) => histograms.map(({ raw }) => raw))),
    normalized: percentileWindow(
      previews.flatMap(({ histograms }) =>
        histograms.flatMap(({ normalized }) => (normalized ? [normalized] : [])),
      ),
    ),
  }
  const blocks = (['axial', 'coronal', 'sagittal'] as const).flatMap((plane) => {
    const rows = previews.flatMap((preview) =>
      preview.slices
        .filter((slice) => slice.plane === plane)
        .map((slice) => {
          const who = `<h4>${escapeHtml(preview.site)}<span>${escapeHtml(preview.participant)}</span></h4>`
          return `<div class="subject">${who}${sliceRow(slice, scales)}</div>`
        }),
    )
    return rows.length === 0 ? [] : [`<h3>${plane[0]!.toUpperCase()}${plane.slice(1)} slice</h3>`, ...rows]
  })
  const tissues = Object.entries(TISSUE_COLORS).map(([name, color]) => ({ name, color }))
  const normalised = previews.some(({ slices }) => slices.some(({ normalized }) => normalized !== undefined))
  const note = normalised
    ? 'The generator rewrites each input; the segmenter finds the tissues in the result. Within a column all images have ' +
      'the same grey scale: inputs of different sites differ, and normalised images should not. ' +
      'Point at a normalised image, or tap it, to see its input; at a segmentation to see what is under it.'
    : 'There is no generator here: the segmenter works on the inputs. All inputs have the same grey scale. ' +
      'Point at a segmentation, or tap it, to see what is under it.'
  return `<p class="note">${note}</p>${legend(tissues)}${blocks.join('')}`
}

/** Histograms of each tissue before and after, pooled over the subjects of each site. */
export function histogramsHtml(previews: readonly Preview[], sites: readonly string[]): string {
  const figures = (['CSF', 'GM', 'WM'] as const).flatMap((tissue) =>
    (['raw', 'normalized'] as const).flatMap((stage) => {
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
      return curves.length === 0 ? [] : [{ caption, body: densityChart(curves, 'intensity') }]
    }),
  )
  const from = previews.every(({ tissuesFrom }) => tissuesFrom === 'reference')
    ? 'reference labels'
    : 'the prediction'
  const where = previews.some(({ voxelsFrom }) => voxelsFrom === 'slab') ? ' around the slices above' : ''
  return (
    `<p class="note">Share of the voxels${where} per intensity; tissues by ${from}. ` +
    'Where the curves of two sites lie on each other, the sites agree.</p>' +
    legend(sites.map((name, index) => ({ name, color: siteColor(index) }))) +
    figureGrid(figures)
  )
}

function sliceRow(slice: PreviewSlice, scales: { readonly raw: Range; readonly normalized: Range }): string {
  const grey = (pixels: string, window: Range) =>
    pngUri(greyPng(applyWindow(bytes(pixels), window), slice.width))
  const { plane } = slice
  const input: Layer = [grey(slice.raw, scales.raw), `input, ${plane}`]
  const normalized: Layer | undefined =
    slice.normalized === undefined
      ? undefined
      : [grey(slice.normalized, scales.normalized), `normalised, ${plane}`]
  const labels = (pixels: string, name: string): Layer => [
    pngUri(palettePng(bytes(pixels), slice.width, LABEL_PALETTE)),
    `${name}, ${plane}`,
  ]
  const under = normalized ?? input
  const cells = [
    stack('input', '', slice, [input]),
    ...(normalized === undefined ? [] : [stack('normalised', 'flicker', slice, [input, normalized])]),
    stack('segmentation', 'overlay', slice, [under, labels(slice.prediction, 'segmentation')]),
    ...(slice.reference === undefined
      ? []
      : [stack('reference', 'overlay', slice, [under, labels(slice.reference, 'reference labels')])]),
  ]
  return `<div class="slices">${cells.join('')}</div>`
}

/** An image and what it shows. */
type Layer = readonly [uri: string, text: string]

function stack(
  caption: string,
  kind: string,
  { width, height, aspect }: PreviewSlice,
  images: readonly Layer[],
): string {
  const tags = images.map(([uri, text]) => `<img alt="${text}" src="${uri}">`)
  const ratio = `${width}/${(height * aspect).toFixed(2)}`
  return (
    `<figure><div class="stack ${kind}" tabindex="0" style="aspect-ratio:${ratio}">${tags.join('')}</div>` +
    `<figcaption>${caption}</figcaption></figure>`
  )
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

/** Spreads the part of the grey levels between the window's ends over all of them. */
function applyWindow(pixels: Uint8Array, [low, high]: Range): Uint8Array {
  return pixels.map((value) => Math.round(255 * Math.min(1, Math.max(0, (value / 255 - low) / (high - low)))))
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
  const all = previews.flatMap(({ histograms }) =>
    histograms.flatMap((one) => (one.tissue === tissue && one[stage] ? [one[stage]] : [])),
  )
  return all[0]?.map((_, bin) => all.reduce((sum, counts) => sum + counts[bin]!, 0))
}

function density(counts: readonly number[], [low, high]: Range): { x: number; y: number }[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const width = (high - low) / counts.length
  return counts.map((count, bin) => ({
    x: low + (bin + 0.5) * width,
    y: total > 0 ? count / total / width : 0,
  }))
}
