/** Axes of channels-last tensors in the order that channels-first libraries want, by rank; and the way back. */
const CHANNELS_FIRST = { activation: [0, 4, 1, 2, 3], weight: [4, 3, 0, 1, 2] }
const CHANNELS_LAST = { activation: [0, 2, 3, 4, 1], weight: [2, 3, 4, 1, 0] }

/** A name is a weight's if it is that of a convolution's kernel, or of its gradient. */
const kindOf = (name) => (/^d?w$|(conv\d|out)\.weight$/.test(name) ? 'weight' : 'activation')

/** A tensor of rank five with its channels first, `[N,C,D,H,W]` or `[O,I,K,K,K]`; others as they are. */
export const channelsFirst = (name, tensor) => reorder(tensor, CHANNELS_FIRST[kindOf(name)])

/** The inverse of `channelsFirst`. */
export const channelsLast = (name, tensor) => reorder(tensor, CHANNELS_LAST[kindOf(name)])

function reorder({ shape, values }, order) {
  if (shape.length !== 5) return { shape, values }
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
  const sizes = order.map((axis) => shape[axis])
  const steps = order.map((axis) => strides[axis])
  const result = new Float32Array(values.length)
  let to = 0
  for (let a = 0; a < sizes[0]; a++)
    for (let b = 0; b < sizes[1]; b++)
      for (let c = 0; c < sizes[2]; c++)
        for (let d = 0; d < sizes[3]; d++) {
          const from = a * steps[0] + b * steps[1] + c * steps[2] + d * steps[3]
          for (let e = 0; e < sizes[4]; e++) result[to++] = values[from + e * steps[4]]
        }
  return { shape: sizes, values: result }
}
