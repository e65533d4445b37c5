/**
 * The borders of a region of pixels as SVG path data, in half pixels: draw it with `scale(0.5)`.
 *
 * The path goes through the middles of the pixels' edges, which takes the steps off slanted borders and keeps the centre
 * of every pixel on its side. Filled by either rule of SVG it is the region. Pixels that touch at a corner only are
 * not joined.
 */
export function outlinePath(region: ArrayLike<number>, width: number, height: number): string {
  const edges = directedEdges(region, width, height)
  let path = ''
  for (let corner = 0; corner < edges.length; corner++) {
    while (edges[corner] !== 0) path += traceLoop(edges, corner, width + 1)
  }
  return path
}

/** Steps right, down, left and up, the directions 0 to 3. */
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const

/** For every corner of the pixels a bit for each direction in which an edge leaves it, the region on its right. */
function directedEdges(region: ArrayLike<number>, width: number, height: number): Uint8Array {
  const edges = new Uint8Array((width + 1) * (height + 1))
  const inside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && region[y * width + x]! > 0
  const add = (x: number, y: number, direction: number) => {
    edges[y * (width + 1) + x]! |= 1 << direction
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue
      if (!inside(x, y - 1)) add(x, y, 0)
      if (!inside(x + 1, y)) add(x + 1, y, 1)
      if (!inside(x, y + 1)) add(x + 1, y + 1, 2)
      if (!inside(x - 1, y)) add(x, y + 1, 3)
    }
  }
  return edges
}

/** Follows the edges from a corner until the loop is closed, and takes them away. */
function traceLoop(edges: Uint8Array, start: number, stride: number): string {
  const middles: [number, number][] = []
  let corner = start
  let direction = lowestBit(edges[start]!)
  do {
    const [dx, dy] = STEPS[direction]!
    edges[corner]! &= ~(1 << direction)
    middles.push([2 * (corner % stride) + dx, 2 * Math.floor(corner / stride) + dy])
    corner += dx + dy * stride
    // Where two pixels touch at a corner, the sharpest turn to the right stays with the pixel at hand.
    const turns = [1, 0, 3].map((turn) => (direction + turn) % 4)
    direction = turns.find((next) => (edges[corner]! >> next) & 1) ?? direction
  } while (corner !== start || (edges[corner]! >> direction) & 1)
  return draw(middles)
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}

/** Points as relative path data; stretches in one direction become one command. */
function draw(points: readonly (readonly [number, number])[]): string {
  const [first] = points
  let path = `M${first![0]} ${first![1]}`
  let [x, y] = [0, 0]
  const flush = () => {
    if (x !== 0 || y !== 0) path += y === 0 ? `h${x}` : x === 0 ? `v${y}` : `l${x} ${y}`
  }
  for (let index = 1; index < points.length; index++) {
    const [dx, dy] = [0, 1].map((axis) => points[index]![axis]! - points[index - 1]![axis]!) as [
      number,
      number,
    ]
    // Steps are one or two half pixels long, so parallel ones have a cross product of 0.
    if (x * dy !== y * dx || x * dx + y * dy < 0) {
      flush()
      ;[x, y] = [0, 0]
    }
    x += dx
    y += dy
  }
  flush()
  return `${path}z`
}
