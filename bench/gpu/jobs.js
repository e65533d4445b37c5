/** Groups of jobs that `--only` chooses from, in the order in which they run: what the goals need comes first. */
export const SECTIONS = ['peaks', 'iteration', 'layers', 'tests']

/**
 * What is measured. `iterations` are of Algorithm 1, the large one first; `layers` the shapes of convolutions, in our words
 * and in those of pytorch.py; `wide` the layer that has a goal of its own; `kernels`, by direction and type of the operands,
 * those that plans take, with what they are to be compared with. `blocks` is for one input channel.
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
  kernels: {
    forward: { f32: ['gemm', 'blocks'], f16: ['halo', 'matrix', 'gemm', 'blocks'] },
    input: { f32: ['gemm'], f16: ['halo', 'matrix', 'gemm'] },
    weight: { f32: ['gemm'], f16: ['matrix', 'gemm'] },
  },
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
  kernels: {
    forward: { f32: ['lanes'], f16: ['lanes'] },
    input: { f32: ['lanes'], f16: ['lanes'] },
    weight: { f32: ['lanes'], f16: ['lanes'] },
  },
}

/** The end of a case's name that ours and PyTorch's rows of an iteration share. */
export const iterationName = ({ batch, base, patch }) => `batch ${batch} of ${patch}³, base ${base}`

/** A job for our command line: `bench` with these words. */
const ours = (section, seconds, ...words) => ({
  section,
  seconds,
  program: 'voxnorm',
  words: ['bench', ...words],
})

/** A job for PyTorch, at these sizes. */
const torch = (section, seconds, what, sizes) => {
  const flags = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)])
  return { section, seconds, program: 'pytorch.py', words: [what, ...flags] }
}

function iteration({ batch, base, patch }) {
  const settings = {
    preset: 'paper',
    'data.patch': patch,
    'model.base': base,
    'model.discriminator.base': base / 2,
    // cuDNN pads with zeros by itself; for the paper's replicated borders PyTorch would copy every volume.
    'model.padding': 'zero',
    'train.batch': batch,
    'train.microBatch': batch,
  }
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const words = ['step', '--rounds', '20', ...set]
  return [
    ...['f32', 'mixed'].map((precision) =>
      ours('iteration', 60, ...words, '--set', `train.precision=${precision}`),
    ),
    torch('iteration', 75, 'iteration', { batch, base, patch }),
  ]
}

function convolutions(dtype, { layers, kernels }) {
  return ['forward', 'input', 'weight'].map((direction) => {
    const words = [`conv3d.${direction}`, '--shape', layers[dtype], '--rounds', '3']
    return ours('layers', 60, ...words, ...kernels[direction][dtype].flatMap((name) => ['--kernel', name]))
  })
}

const tests = ['ops', 'gemm', 'shares'].map((name) => `packages/tensor/test/${name}.test.ts`)

/**
 * The processes that are run one after another, ours and PyTorch's in turns. `program` is what runs the words, `seconds` how
 * long it may take.
 */
export const jobsOf = (sizes) => [
  ...['f32', 'f16'].map((type) => ours('peaks', 30, 'norm', '--shape', `${sizes.fields},type=${type}`)),
  ...sizes.iterations.flatMap(iteration),
  ...['f32', 'f16'].flatMap((dtype) => convolutions(dtype, sizes)),
  torch('layers', 90, 'layers', sizes.layers.torch),
  { section: 'tests', seconds: 240, program: 'vitest', words: ['run', ...tests] },
]
