import { TISSUE_COLORS } from '@voxnorm/data'
import { TISSUE_COLORS_ON_DARK } from './colors.ts'

const [LIGHT, DARK] = [TISSUE_COLORS, TISSUE_COLORS_ON_DARK]

/** The style sheet of all pages: light and dark, from a phone to a wide screen, and on paper. */
export const STYLE = `
:root {
  --paper: #fbfbf9; --card: #ffffff; --ink: #1d2327; --soft: #5b666e; --line: #e2e4e0; --accent: #2f6f9f;
  --csf: ${LIGHT.CSF}; --gm: ${LIGHT.GM}; --wm: ${LIGHT.WM};
  /* Lines lie on pictures, which are dark whatever the page is. */
  --csf-line: ${DARK.CSF}; --gm-line: ${DARK.GM}; --wm-line: ${DARK.WM}; --changed: #ffe14d;
  --good: #2f8f55; --doubt: #b3541e; --unknown: #5b666e;
  --site1: #2f6f9f; --site2: #d9822b; --site3: #6b4fa0; --site4: #1f8a83; --site5: #b23a6b; --site6: #77751f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181b; --card: #1c2226; --ink: #e6e9ea; --soft: #9aa6ad; --line: #2e363b; --accent: #6db1e1;
    --csf: ${DARK.CSF}; --gm: ${DARK.GM}; --wm: ${DARK.WM};
    --good: #5fc488; --doubt: #f0a75a; --unknown: #9aa6ad;
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
.paper { background: #fff; border-radius: 6px; overflow: hidden; max-width: 800px; margin-bottom: 14px; }
.paper svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 8px; padding: 0; font-size: 13px; }
section > .note { margin: 10px 0; max-width: 80ch; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
.swatch.line { width: 18px; height: 0; border-radius: 0; border-top: 2px dashed; vertical-align: middle; opacity: .6; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; min-width: 50%; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; padding: 5px 0 5px 14px; }
.long { white-space: normal; min-width: 15em; }
.number + :not(.number) { padding-left: 20px; }
h4 { font-size: 14px; margin: 0; overflow-wrap: anywhere; }
h4 span { display: block; color: var(--soft); font-size: 12px; font-weight: 400; }
.subject { display: grid; grid-template-columns: 110px minmax(0, 1fr); gap: 12px; align-items: center; margin-bottom: 12px; }
.slices { display: grid; grid-template-columns: repeat(var(--cells), minmax(0, 1fr)); gap: 8px; max-width: calc(220px * var(--cells)); }
.slices figcaption { color: var(--soft); font-weight: 400; font-size: 12px; margin: 2px 0 0; }
.stack { display: block; width: 100%; height: auto; background: #000; border-radius: 6px; }
.stack .top { transition: opacity .15s; }
.flicker:hover .top, .flicker:focus .top { opacity: 0; }
.dim { opacity: .6; transition: opacity .15s; }
.flicker:hover .dim, .flicker:focus .dim { opacity: 1; }
.outline { fill: none; stroke-width: 1.4px; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.findings { list-style: none; margin: 0; padding: 0; max-width: 86ch; }
.findings li { display: grid; grid-template-columns: 26px 1fr; margin: 0 0 8px; }
.findings b { font-size: 15px; }
.findings .good b { color: var(--good); }
.findings .doubt b { color: var(--doubt); }
.findings .unknown b { color: var(--unknown); }
.findings .doubt { border-left: 3px solid var(--doubt); margin-left: -12px; padding-left: 9px; }
.measures { margin-top: 12px; }
.measures td { white-space: normal; vertical-align: top; }
.slide > input { position: absolute; opacity: 0; }
.slide > label { display: inline-block; padding: 3px 16px; border: 1px solid var(--line); cursor: pointer; font-size: 14px; }
.slide > label:first-of-type { border-radius: 8px 0 0 8px; }
.slide > label:last-of-type { border-radius: 0 8px 8px 0; border-left: 0; }
.slide > input:checked + label { background: var(--accent); border-color: var(--accent); color: var(--card); }
.slide > input:focus-visible + label { outline: 2px solid var(--ink); outline-offset: 2px; }
.slide > .figures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); margin-top: 12px; }
.moving path[style] { d: var(--from); transition: d .9s ease-in-out; }
#stage-after:checked ~ .figures .moving path[style] { d: var(--to); }
.still { display: none; }
@media (prefers-reduced-motion: reduce) { .moving path[style] { transition: none; } }
/* On paper, and where curves cannot move, before and after stand below each other. */
@supports not (d: path("M0 0")) {
  .slide > label, .moving { display: none; }
  .still { display: block; }
}
pre { overflow-x: auto; font: 13px/1.5 ui-monospace, monospace; margin: 8px 0 0; }
summary { cursor: pointer; }
footer { padding-bottom: 40px; }
@media (max-width: 620px) {
  .subject { grid-template-columns: minmax(0, 1fr); gap: 4px; }
  .tile b { font-size: 17px; }
  .slices { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .slices figcaption { font-size: 11px; }
  section { padding: 14px; }
  th, td { padding: 5px 8px 5px 0; }
  .number { padding: 5px 0 5px 8px; }
}
@media print {
  .subject, figure { break-inside: avoid; }
  nav, .slide > label, .moving { display: none; }
  .still { display: block; }
  .stack { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`
