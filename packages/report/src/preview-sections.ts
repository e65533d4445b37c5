import type { Preview } from '@voxnorm/pipeline'
import { densitiesHtml } from './densities.ts'
import { slicesHtml } from './gallery.ts'
import type { Section } from './page.ts'

const MAX_PREVIEWS = 12

/** Slices and histograms; previews beyond a dozen are counted but not drawn, to keep the page light. */
export function previewSections(previews: readonly Preview[], sites: readonly string[]): Section[] {
  if (previews.length === 0) return []
  const shown = spread(previews, sites)
  const left = previews.length - shown.length
  const rest =
    left > 0 ? `<p class="note">${left} further subjects are in the histograms but not drawn here.</p>` : ''
  return [
    { id: 'slices', title: 'Before and after', body: slicesHtml(shown) + rest },
    { id: 'histograms', title: 'Intensities per tissue', body: densitiesHtml(previews, sites) },
  ]
}

/** Takes one subject of each site in turn, until the page is full. */
function spread(previews: readonly Preview[], sites: readonly string[]): Preview[] {
  const bySite = sites.map((site) => previews.filter((preview) => preview.site === site))
  const shown: Preview[] = []
  for (let round = 0; shown.length < Math.min(MAX_PREVIEWS, previews.length); round++) {
    const next = bySite.flatMap((list) => list.slice(round, round + 1))
    if (next.length === 0) break
    shown.push(...next)
  }
  return shown.slice(0, MAX_PREVIEWS).sort((a, b) => sites.indexOf(a.site) - sites.indexOf(b.site))
}
