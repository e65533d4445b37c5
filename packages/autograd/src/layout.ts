/**
 * How a parameter lies in a file, next to how it lies in the engine. Files follow PyTorch: output channels first,
 * space last. The engine wants channels last.
 */
export interface FileLayout {
  /** The shape in the file. */
  readonly shape: readonly number[]
  /** The engine's axes, with those taken apart that the file orders differently; row-major as in the engine. */
  readonly engineAxes: readonly number[]
  /** For each axis of the file, taken apart in the same way, the engine axis that it is. */
  readonly permutation: readonly number[]
}

/** Vectors (biases, norms, statistics) are the same on both sides. */
export const vectorLayout = (size: number): FileLayout => ({
  shape: [size],
  engineAxes: [size],
  permutation: [0],
})

/** A convolution: `[K,K,K,I,O]` in the engine, `[O,I,K,K,K]` in files. */
export const convolutionLayout = (kernel: number, inputs: number, outputs: number): FileLayout => ({
  shape: [outputs, inputs, kernel, kernel, kernel],
  engineAxes: [kernel, kernel, kernel, inputs, outputs],
  permutation: [4, 3, 0, 1, 2],
})

/** A linear layer on vectors: `[in, out]` in the engine, `[out, in]` in files. */
export const linearLayout = (inputs: number, outputs: number): FileLayout => ({
  shape: [outputs, inputs],
  engineAxes: [inputs, outputs],
  permutation: [1, 0],
})

/**
 * A linear layer on a flattened feature map: the engine flattens `[D,H,W,C]`, files expect the order C, D, H, W.
 */
export function flattenedLinearLayout(
  [depth, height, width, channels]: readonly [number, number, number, number],
  outputs: number,
): FileLayout {
  return {
    shape: [outputs, depth * height * width * channels],
    engineAxes: [depth, height, width, channels, outputs],
    permutation: [4, 3, 0, 1, 2],
  }
}

/** Reorders the engine's values into the file's order. */
export function toFile(values: Float32Array, layout: FileLayout): Float32Array {
  const result = new Float32Array(values.length)
  visit(layout, (file, engine) => {
    result[file] = values[engine]!
  })
  return result
}

/** Reorders a file's values into the engine's order; the inverse of `toFile`. */
export function fromFile(values: Float32Array, layout: FileLayout): Float32Array {
  const result = new Float32Array(values.length)
  visit(layout, (file, engine) => {
    result[engine] = values[file]!
  })
  return result
}

/** Calls `meet` for every element in the order of the file, with its index on both sides. */
function visit({ engineAxes, permutation }: FileLayout, meet: (file: number, engine: number) => void): void {
  const engineStrides = engineAxes.map((_, axis) =>
    engineAxes.slice(axis + 1).reduce((product, size) => product * size, 1),
  )
  const sizes = permutation.map((axis) => engineAxes[axis]!)
  const strides = permutation.map((axis) => engineStrides[axis]!)
  const count = sizes.reduce((product, size) => product * size, 1)
  const position = sizes.map(() => 0)
  let engine = 0
  for (let file = 0; file < count; file++) {
    meet(file, engine)
    // One step of an odometer: the last axis turns fastest, a full turn carries to the axis before it.
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      engine += strides[axis]!
      position[axis]!++
      if (position[axis]! < sizes[axis]!) break
      engine -= strides[axis]! * sizes[axis]!
      position[axis] = 0
    }
  }
}
