import { escapeHtml } from './html.ts'
import { STYLE } from './style.ts'

/** One part of a page. */
export interface Section {
  /** Anchor name, unique within the page. */
  readonly id: string
  readonly title: string
  /** HTML. */
  readonly body: string
}

/** A page of a report. */
export interface Page {
  readonly title: string
  /** One line under the title, plain text. */
  readonly subtitle: string
  /** Numbers at the top: a name and a value each, plain text. */
  readonly tiles: readonly (readonly [name: string, value: string])[]
  readonly sections: readonly Section[]
}

/** The complete text of a self-contained page: no script, no font, no image from elsewhere. */
export function renderPage({ title, subtitle, tiles, sections }: Page): string {
  const links = sections.map(({ id, title }) => `<a href="#${id}">${escapeHtml(title)}</a>`)
  const numbers = tiles.map(
    ([name, value]) => `<div class="tile"><b>${escapeHtml(value)}</b><span>${escapeHtml(name)}</span></div>`,
  )
  const parts = sections.map(
    ({ id, title, body }) => `<section id="${id}"><h2>${escapeHtml(title)}</h2>${body}</section>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${escapeHtml(title)}</h1><p>${escapeHtml(subtitle)}</p><nav>${links.join('')}</nav></header>
<main>
${numbers.length > 0 ? `<div class="tiles">${numbers.join('')}</div>` : ''}
${parts.join('\n')}
</main>
<footer>Made by voxnorm. For research; not for clinical use.</footer>
</body>
</html>
`
}

/** Characters from which on a cell is a sentence that may be broken into lines. */
const LONG = 36

/** A table; cells are plain text, and columns whose cells are all numbers are set to the right. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const numeric = columns.map((_, index) =>
    rows.every((row) => /^([-+]?[\d.,]+(e[-+]\d+)?(–[\d.]+)?|n\/a|–)?( ?%)?$/.test(row[index] ?? '')),
  )
  const cell = (tag: 'td' | 'th', text: string, index: number) => {
    const kind = numeric[index] ? ' class="number"' : text.length > LONG ? ' class="long"' : ''
    return `<${tag}${kind}>${escapeHtml(text)}</${tag}>`
  }
  const head = columns.map((name, index) => cell('th', name, index)).join('')
  const body = rows.map((row) => `<tr>${row.map((text, index) => cell('td', text, index)).join('')}</tr>`)
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

/** Charts and other figures side by side where there is room. */
export function figureGrid(figures: readonly { readonly caption: string; readonly body: string }[]): string {
  const items = figures.map(
    ({ caption, body }) => `<figure><figcaption>${escapeHtml(caption)}</figcaption>${body}</figure>`,
  )
  return `<div class="figures">${items.join('')}</div>`
}

/** A list of sentences. */
export function bulletList(sentences: readonly string[]): string {
  return `<ul>${sentences.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>`
}
