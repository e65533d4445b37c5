// node scripts/draw-imports.mjs: draws docs/images/imports.svg, the imports from package to package as they are today.
// An arrow that a longer way implies is drawn faintly, one of types alone with dashes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import dagre from '@dagrejs/dagre'
import { packageArrows, packageFolders, packageSources } from './imports.mjs'
import { root } from './setup.mjs'

/** Where the picture lies. */
export const PICTURE = join(root, 'docs', 'images', 'imports.svg')

/** The arrows that a picture shows, as `packageArrows` gives them. @param {string} svg */
export const arrowsOfPicture = (svg) =>
  [...svg.matchAll(/<title>(\w+ [→⇢] \w+)<\/title>/g)].map(([, arrow]) => arrow)

const BOX = { width: 132, height: 40 }
const MARGIN = 24
const STYLE = `
    .paper { fill: #ffffff }
    .ink { fill: #1f2328 }
    .box { fill: #dbe9fb; stroke: #2f68c5; stroke-width: 1.4 }
    .arrow { stroke: #1f2328; stroke-width: 1.6; fill: none }
    .implied { opacity: 0.35 }
    .types { stroke-dasharray: 5 4 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117 }
      .ink { fill: #e6edf3 }
      .box { fill: #15294a; stroke: #6ea0f0 }
      .arrow { stroke: #e6edf3 }
    }`

if (process.argv[1] === import.meta.filename) {
  writeFileSync(PICTURE, draw(packageFolders().sort(), packageArrows(packageSources())))
}

/**
 * @param {readonly string[]} packages
 * @param {readonly string[]} arrows
 */
function draw(packages, arrows) {
  const graph = new dagre.graphlib.Graph()
  graph.setGraph({ nodesep: 46, ranksep: 64, edgesep: 22 })
  for (const name of packages) graph.setNode(name, { ...BOX })
  const edges = arrows.map((arrow) => arrow.split(' '))
  for (const [from, , to] of edges) graph.setEdge(from, to, {})
  dagre.layout(graph)
  // The layout's own width leaves out what bends outside of the boxes.
  const bends = edges.flatMap(([from, , to]) => graph.edge(from, to).points.map(({ x }) => x))
  const sides = packages.flatMap((name) => [-0.5, 0.5].map((side) => graph.node(name).x + side * BOX.width))
  const left = Math.min(...bends, ...sides) - MARGIN
  const width = Math.max(...bends, ...sides) + MARGIN - left
  const height = graph.graph().height + 2 * MARGIN
  const view = [left, -MARGIN, width, height].map(round)
  const lines = edges.map(([from, kind, to]) => {
    const classes = [
      'arrow',
      ...(isImplied(edges, from, to) ? ['implied'] : []),
      ...(kind === '⇢' ? ['types'] : []),
    ]
    const path = smooth(graph.edge(from, to).points)
    return `  <path class="${classes.join(' ')}" marker-end="url(#head)" d="${path}"><title>${from} ${kind} ${to}</title></path>`
  })
  const boxes = packages.map((name) => {
    const { x, y } = graph.node(name)
    return `  <rect class="box" x="${round(x - BOX.width / 2)}" y="${round(y - BOX.height / 2)}" width="${BOX.width}" height="${BOX.height}" rx="6"/><text class="ink" x="${round(x)}" y="${round(y + 5)}">${name}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${round(width)}" height="${round(height)}" viewBox="${view.join(' ')}" font-family="Arial, Helvetica, sans-serif" font-size="16" text-anchor="middle">
  <title>Which package imports which</title>
  <style>${STYLE}
  </style>
  <defs><marker id="head" class="ink" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
  <rect class="paper" x="${view[0]}" y="${view[1]}" width="100%" height="100%" rx="8"/>
${lines.join('\n')}
${boxes.join('\n')}
</svg>
`
}

/** Whether one gets from one package to the other by way of a third. */
function isImplied(edges, from, to) {
  const next = (name) => edges.filter(([start]) => start === name).map(([, , end]) => end)
  const reaches = (name) => name === to || next(name).some(reaches)
  return next(from).some((name) => name !== to && reaches(name))
}

/** A line through the points that bends midway between them. */
function smooth(points) {
  const at = ({ x, y }) => `${round(x)} ${round(y)}`
  const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })
  const bends = points.slice(1, -1).map((point, index) => {
    const end = index === points.length - 3 ? points.at(-1) : middle(point, points[index + 2])
    return `Q${at(point)} ${at(end)}`
  })
  return `M${at(points[0])}${bends.join('')}${bends.length === 0 ? `L${at(points.at(-1))}` : ''}`
}

function round(value) {
  return Math.round(value * 10) / 10
}
