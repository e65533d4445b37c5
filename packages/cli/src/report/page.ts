import { escapeHtml } from './charts.ts'

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

/** A table; cells are plain text, and columns whose cells are all numbers are set to the right. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const numeric = columns.map((_, index) =>
    rows.every((row) => /^(-?[\d.,]+(e[-+]\d+)?|n\/a|–)?( ?%)?$/.test(row[index] ?? '')),
  )
  const cell = (tag: 'td' | 'th', text: string, index: number) =>
    `<${tag}${numeric[index] ? ' class="number"' : ''}>${escapeHtml(text)}</${tag}>`
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

const STYLE = `
:root {
  --paper: #fbfbf9; --card: #ffffff; --ink: #1d2327; --soft: #5b666e; --line: #e2e4e0; --accent: #2f6f9f;
  --csf: #2f68c5; --gm: #2f8f55; --wm: #cc4b37;
  --site1: #2f6f9f; --site2: #d9822b; --site3: #6b4fa0; --site4: #1f8a83; --site5: #b23a6b; --site6: #77751f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181b; --card: #1c2226; --ink: #e6e9ea; --soft: #9aa6ad; --line: #2e363b; --accent: #6db1e1;
    --csf: #6b9df0; --gm: #5fc488; --wm: #f0806d;
    --site1: #6db1e1; --site2: #f0a75a; --site3: #a98be0; --site4: #55c7be; --site5: #e879a6; --site6: #c3c04d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 32px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 20px 0 8px; }
header p { margin: 0 0 12px; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; border-bottom: 1px solid var(--line); padding-bottom: 12px; }
a { color: var(--accent); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px; margin: 18px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin-top: 18px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
figcaption { font-weight: 600; font-size: 14px; margin-bottom: 4px; }
.tile span, footer, .note { color: var(--soft); font-size: 13px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 24px; }
figure { margin: 0; min-width: 0; }
.chart { width: 100%; height: auto; display: block; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 8px; padding: 0; font-size: 13px; }
section > .note { margin: 10px 0; max-width: 80ch; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
.swatch.line { width: 18px; height: 0; border-radius: 0; border-top: 2px dashed; vertical-align: middle; opacity: .6; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; min-width: 50%; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; padding: 5px 0 5px 14px; }
h4 { font-size: 14px; margin: 0; overflow-wrap: anywhere; }
h4 span { display: block; color: var(--soft); font-size: 12px; font-weight: 400; }
.subject { display: grid; grid-template-columns: 110px minmax(0, 1fr); gap: 12px; align-items: center; margin-bottom: 12px; }
.slices { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 8px; max-width: 880px; }
.slices figcaption { color: var(--soft); font-weight: 400; font-size: 12px; margin: 2px 0 0; }
.stack { position: relative; background: #000; border-radius: 6px; overflow: hidden; }
.stack img { display: block; width: 100%; height: 100%; object-fit: fill; }
.stack img + img { position: absolute; inset: 0; }
.flicker:hover img + img, .flicker:focus img + img { opacity: 0; }
.overlay img + img { opacity: .6; image-rendering: pixelated; }
.overlay:hover img + img, .overlay:focus img + img { opacity: 0; }
pre { overflow-x: auto; font: 13px/1.5 ui-monospace, monospace; margin: 8px 0 0; }
summary { cursor: pointer; }
footer { padding-bottom: 40px; }
@media (max-width: 620px) {
  .subject { grid-template-columns: minmax(0, 1fr); gap: 4px; }
  .tile b { font-size: 17px; }
  .slices { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  section { padding: 14px; }
  th, td { padding: 5px 8px 5px 0; }
  .number { padding: 5px 0 5px 8px; }
}
@media print { section { break-inside: avoid; } nav { display: none; } }
`
