import { fromBase64, type Preview, type PreviewSlice } from '@voxnorm/pipeline'
import { legendHtml } from './charts/legend.ts'
import { escapeHtml } from './html.ts'
import { outlinePath } from './outlines.ts'
import { greyPng, type PaletteColor, palettePng, pngUri } from './png.ts'

type Range = readonly [number, number]

// Images cannot use the page's variables: orange is brighter than the input explains, blue is darker.
const BRIGHTER = [255, 150, 40] as const
const DARKER = [60, 150, 255] as const
/** The share of the shown range from which a residual has its full colour. */
const FULL_RESIDUAL = 0.3

/** Borders between tissues, from the outside in: an inner one covers an outer one that runs along it. */
const BORDERS = [
  { color: 'var(--csf-line)', from: 1 },
  { color: 'var(--gm-line)', from: 2 },
  { color: 'var(--wm-line)', from: 3 },
] as const

/**
 * Before and after with what was changed and the segmentation: one block per plane, one row per subject, so that sites
 * stand below each other.
 *
 * All inputs share one grey scale and all normalised images share another: equal grey in a column means equal intensity,
 * which is what a difference between sites is. Resting on an image shows the one below it. No image stands in the page
 * twice: later uses refer to the first.
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
    const rows = previews.flatMap((preview, subject) =>
      preview.slices
        .filter((slice) => slice.plane === plane)
        .map((slice) => {
          const who = `<h4>${escapeHtml(preview.site)}<span>${escapeHtml(preview.participant)}</span></h4>`
          return `<div class="subject">${who}${sliceRow(slice, scales, `${plane}-${subject}`)}</div>`
        }),
    )
    return rows.length === 0 ? [] : [`<h3>${plane[0]!.toUpperCase()}${plane.slice(1)} slice</h3>`, ...rows]
  })
  const slices = previews.flatMap((preview) => preview.slices)
  const normalised = slices.some(({ normalized }) => normalized !== undefined)
  const compared = slices.some(({ residual }) => residual !== undefined)
  const note = normalised
    ? 'The generator rewrites each input; the segmenter finds the tissues in the result. Within a column all images have ' +
      'the same grey scale: inputs of different sites differ, and normalised images should not. ' +
      'Point at a normalised image, or tap it, to see its input; at outlines to see what is under them.'
    : 'There is no generator here: the segmenter works on the inputs. All inputs have the same grey scale. ' +
      'Point at outlines, or tap them, to see what is under them.'
  const changes = compared
    ? ' The column of changes shows what is left of the normalised image when everything is taken away that the input ' +
      'explains by a change of contrast or brightness.'
    : ''
  const keys = [
    { name: 'outer border of CSF', color: 'var(--csf-line)' },
    { name: 'of GM', color: 'var(--gm-line)' },
    { name: 'of WM', color: 'var(--wm-line)' },
    ...(compared
      ? [
          { name: 'brighter than explained', color: `rgb(${BRIGHTER})` },
          { name: 'darker', color: `rgb(${DARKER})` },
          { name: 'outline of a changed place', color: 'var(--changed)' },
        ]
      : []),
  ]
  return `<p class="note">${note}${changes}</p>${legendHtml(keys.map((key) => ({ ...key, mark: 'area' })))}${blocks.join('')}`
}

function sliceRow(
  slice: PreviewSlice,
  scales: { readonly raw: Range; readonly normalized: Range },
  id: string,
): string {
  const { plane } = slice
  const { image, again, outline, figure } = drawing(slice)
  const grey = (name: string, pixels: string, window: Range) =>
    image(`${id}-${name}`, greyPng(applyWindow(fromBase64(pixels), window), slice.width))
  const under = slice.normalized === undefined ? 'raw' : 'normalized'
  // Lines and colours stand out from a picture that is a little darker.
  const dimmed = (name: string) => `<g class="dim">${again(`${id}-${name}`)}</g>`
  const tissues = (pixels: string) => {
    const labels = fromBase64(pixels)
    return BORDERS.map(({ color, from }) =>
      outline(
        labels.map((label) => (label >= from ? 1 : 0)),
        color,
      ),
    ).join('')
  }
  const labelled = (caption: string, pixels: string) =>
    figure(
      caption,
      'flicker',
      `${caption} over the image, ${plane}`,
      again(`${id}-${under}`),
      tissues(pixels),
    )
  const cells = [figure('input', '', `input, ${plane}`, grey('raw', slice.raw, scales.raw))]
  if (slice.normalized !== undefined) {
    const after = grey('normalized', slice.normalized, scales.normalized)
    cells.push(figure('normalised', 'flicker', `normalised, ${plane}`, again(`${id}-raw`), after))
  }
  if (slice.residual !== undefined) {
    const full = FULL_RESIDUAL * (scales.normalized[1] - scales.normalized[0])
    const residual = image(
      `${id}-residual`,
      palettePng(fromBase64(slice.residual), slice.width, residualPalette(full)),
    )
    const places = slice.changed === undefined ? '' : outline(fromBase64(slice.changed), 'var(--changed)')
    cells.push(figure('changes', 'flicker', `changes, ${plane}`, dimmed('normalized'), residual + places))
  }
  cells.push(labelled('segmentation', slice.prediction))
  if (slice.reference !== undefined) cells.push(labelled('reference', slice.reference))
  return `<div class="slices" style="--cells:${cells.length}">${cells.join('')}</div>`
}

/** What pictures of one slice are made of; coordinates are pixels, stretched to the shape of the voxels. */
function drawing({ width, height, aspect }: PreviewSlice) {
  const size = `width="${width}" height="${(height * aspect).toFixed(2)}"`
  return {
    image: (id: string, png: Uint8Array) =>
      `<image id="${id}" ${size} preserveAspectRatio="none" href="${pngUri(png)}"/>`,
    again: (id: string) => `<use href="#${id}"/>`,
    outline: (region: Uint8Array, color: string) =>
      `<path class="outline" stroke="${color}" transform="scale(.5 ${aspect / 2})" d="${outlinePath(region, width, height)}"/>`,
    figure: (caption: string, kind: string, text: string, below: string, top = '') =>
      `<figure><svg class="stack ${kind}" tabindex="0" role="img" aria-label="${escapeHtml(text)}" ` +
      `viewBox="0 0 ${width} ${(height * aspect).toFixed(2)}">${below}${top && `<g class="top">${top}</g>`}</svg>` +
      `<figcaption>${caption}</figcaption></figure>`,
  }
}

/** Colours of the 255 steps of a residual: none is transparent, `full` (a share of the stored range) is opaque. */
function residualPalette(full: number): PaletteColor[] {
  return Array.from({ length: 256 }, (_, value): PaletteColor => {
    const share = (value - 128) / 254
    const opacity = Math.round(255 * Math.min(1, Math.abs(share) / full))
    return [...(share > 0 ? BRIGHTER : DARKER), opacity]
  })
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
