import { escapeHtml } from '@voxnorm/report'

/** Three decimals; n/a for what was not measured or not published. */
export const number = (value: number | null | undefined, digits = 3) =>
  value === undefined || value === null || !Number.isFinite(value) ? 'n/a' : value.toFixed(digits)
/** The difference of ours and the published value, with its sign. */
export const signed = (ours: number, published: number | null | undefined, digits = 3) =>
  published === undefined || published === null || !Number.isFinite(ours - published)
    ? 'n/a'
    : `${ours >= published ? '+' : '-'}${Math.abs(ours - published).toFixed(digits)}`
/** An interval as `low–high`. */
export const interval = ({ low, high }: { readonly low: number; readonly high: number }, digits = 3) =>
  Number.isFinite(low) ? `${low.toFixed(digits)}–${high.toFixed(digits)}` : 'n/a'
/** A sentence under a heading. */
export const note = (sentence: string) => `<p class="note">${escapeHtml(sentence)}</p>`

/** A standalone drawing inside the page, on its own white paper. */
export const figure = (svg: string) => `<div class="paper">${svg}</div>`
