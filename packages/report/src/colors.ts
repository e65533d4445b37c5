/**
 * The tissues' colours (`TISSUE_COLORS` of data) on something dark: a page in dark mode, and the lines on pictures, which
 * are dark whatever the page is.
 */
export const TISSUE_COLORS_ON_DARK = { CSF: '#6b9df0', GM: '#5fe08e', WM: '#ff7b62' } as const

/** Variables that a page defines for light and dark; see style.ts. */
export const TISSUE_VARIABLES = { CSF: 'var(--csf)', GM: 'var(--gm)', WM: 'var(--wm)' } as const

const SITE_COLOR_COUNT = 6

/** The colour of a site by its number; it repeats after six. */
export function siteColor(index: number): string {
  return `var(--site${(index % SITE_COLOR_COUNT) + 1})`
}
