/** Groups of jobs that `--only` chooses from, in the order in which they run: what the goals need comes first. */
export const SECTIONS = ['peaks', 'iteration', 'layers', 'tests']

/**
 * What is measured. `iterations` are of Algorithm 1, the large one first; `layers` the shapes of convolutions, in our words
 * and in those of pytorch.py; `wide` the layer that has a goal of its own; `kernels`, by the type of the operands, those that
 * plans take, and what they are to be compared with.
 */
export const SIZES = {
  iterations: [
    { batch: 8, base: 32, patch: 32 },
    // Half as wide as the paper's: 32 channels at full resolution.
    { batch: 2, base: 16, patch: 32 },
  ],
  fields: 'batch=8,size=32,channels=64',
  layers: { f32: 'unet', f16: 'unet-f16', torch: { batch: 8, base: 32, patch: 32 } },
  wide: 'x[8,32,32,32,64] w[3,3,3,64,64]',
  kernels: { f32: ['gemm', 'blocks'], f16: ['matrix', 'gemm'] },
}

/** The same, so small that a software renderer and a processor are done in a minute: does all of it work? */
export const SMALL_SIZES = {
  iterations: [
    { batch: 2, base: 4, patch: 16 },
    { batch: 1, base: 2, patch: 16 },
  ],
  fields: 'batch=1,size=8,channels=8',
  layers: {
    f32: 'batch=1,size=16,in=4,out=8',
    f16: 'batch=1,size=16,in=4,out=8,type=f16',
    torch: { batch: 1, base: 4, patch: 16 },
  },
  wide: 'x[1,16,16,16,4] w[3,3,3,4,8]',
  kernels: { f32: ['lanes'], f16: ['lanes'] },
}

/** The end of a case's name that ours and PyTorch's rows of an iteration share. */
export const iterationName = ({ batch, base, patch }) => `batch ${batch} of ${patch}³, base ${base}`

const PRECISIONS = ['f32', 'mixed']
const DIRECTIONS = ['forward', 'input', 'weight']
const DTYPES = ['f32', 'f16']

/** Flags of an object's entries for pytorch.py. */
const flags = (sizes) => Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)])

/**
 * The processes that are run one after another, ours and PyTorch's in turns. `program` is what runs the words, `seconds` how
 * long it may take.
 */
export function jobsOf(sizes) {
  const ours = (section, seconds, ...words) => ({
    section,
    seconds,
    program: 'voxnorm',
    words: ['bench', ...words],
  })
  const torch = (section, seconds, what, at) => ({
    section,
    seconds,
    program: 'pytorch.py',
    words: [what, ...flags(at)],
  })
  const iteration = (at) => {
    // Padded with zeros, which cuDNN does by itself: with the paper's replicated borders PyTorch would copy every volume.
    const settings = { 'model.base': at.base, 'data.patch': at.patch, 'model.padding': 'zero' }
    const batch = { 'train.batch': at.batch, 'train.microBatch': at.batch }
    const set = (values) => Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const discriminator = { 'model.discriminator.base': at.base / 2 }
    return [
      ...PRECISIONS.map((precision) =>
        ours(
          'iteration',
          60,
          ...['step', '--rounds', '20'],
          ...set({ preset: 'paper', ...settings, ...discriminator, ...batch, 'train.precision': precision }),
        ),
      ),
      torch('iteration', 75, 'iteration', at),
    ]
  }
  const convolutions = DTYPES.flatMap((dtype) =>
    DIRECTIONS.map((direction) =>
      ours(
        'layers',
        60,
        ...[`conv3d.${direction}`, '--shape', sizes.layers[dtype], '--rounds', '3'],
        ...sizes.kernels[dtype].flatMap((kernel) => ['--kernel', kernel]),
      ),
    ),
  )
  return [
    ...DTYPES.map((type) => ours('peaks', 30, 'norm', '--shape', `${sizes.fields},type=${type}`)),
    ...sizes.iterations.flatMap(iteration),
    ...convolutions,
    torch('layers', 90, 'layers', sizes.layers.torch),
    {
      section: 'tests',
      seconds: 240,
      program: 'vitest',
      words: ['run', ...['ops', 'gemm', 'shares'].map((name) => `packages/tensor/test/${name}.test.ts`)],
    },
  ]
}
