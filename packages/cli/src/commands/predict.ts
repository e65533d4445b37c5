import { ConfigError, labelConvention, MASK_FROM, type MaskFrom } from '@voxnorm/data'
import {
  checkWindows,
  createPredictor,
  type ModelConfig,
  predictVolume,
  sidesOf,
  type Windows,
} from '@voxnorm/models'
import {
  type GridChoice,
  type Log,
  type OpenDevice,
  type PredictAllOptions,
  type PredictedInput,
  type PredictionInput,
  predictAll,
} from '@voxnorm/pipeline'
import {
  assertFreeForOutput,
  assertLabelsStay,
  assertNothingReplaced,
  chooseSplit,
  type FolderLock,
  isPredictionFolder,
  lockFolder,
  openAssessor,
  openDiskSink,
  openDiskSource,
  readInputs,
  readModel,
  SPLIT_CHOICES,
  tellListing,
} from '@voxnorm/pipeline/node'
import { labelsOfFlag } from '@voxnorm/pipeline/training'
import { textTable } from '@voxnorm/pipeline/words'
import type { Command } from '../command.ts'
import { type Arguments, hasFlag, listFlag, numberFlag, textFlag } from '../command-line.ts'
import { EXIT, judge, messageOf } from '../exit-codes.ts'
import { listenForStop } from '../stop-request.ts'
import { version } from '../version.ts'

const GRIDS = ['model', 'native', 'stored'] as const satisfies readonly GridChoice[]
const DEFAULT_STRIDE = 8

/** `voxnorm predict`: normalises and segments volumes with a trained model. */
export const predict: Command = {
  name: 'predict',
  summary: 'Normalises and segments volumes with a trained model.',
  usage: 'predict -m MODEL -i IN… -o OUT [flags]',
  positionals: { name: 'ARGUMENT', minimum: 0, maximum: 0 },
  flags: [
    { name: 'model', short: 'm', kind: 'text', value: 'MODEL', required: true, help: 'model file or run' },
    {
      name: 'input',
      short: 'i',
      kind: 'list',
      value: 'IN',
      required: true,
      help: 'T1.nii.gz[,T2.nii.gz], folder, table (test rows)',
    },
    {
      name: 'output',
      short: 'o',
      kind: 'text',
      value: 'OUT',
      required: true,
      help: 'folder for the outputs',
    },
    { name: 'continue', kind: 'switch', help: 'keep what is finished with the same settings' },
    { name: 'overwrite', kind: 'switch', help: 'replace predictions that are finished' },
    { name: 'grid', kind: 'text', value: 'GRID', choices: GRIDS, help: 'model (default), native or stored' },
    { name: 'mask', kind: 'list', value: 'FILE', help: 'brain mask of each input, in their order' },
    {
      name: 'mask-from',
      kind: 'text',
      value: 'HOW',
      choices: MASK_FROM,
      help: 'brain without a mask: auto, or positive',
    },
    { name: 'window', kind: 'integer', value: 'N', help: 'side of the windows (the patch of the model)' },
    { name: 'stride', kind: 'integer', value: 'N', help: 'voxels from window to window (8)' },
    { name: 'save-probabilities', kind: 'switch', help: 'also write a map per class' },
    { name: 'label-convention', kind: 'text', value: 'NAME', help: 'numbers of the labels (bids)' },
    {
      name: 'split',
      kind: 'text',
      value: 'PART',
      choices: SPLIT_CHOICES,
      help: 'train, validation, test (default) or all',
    },
    { name: 'strict', kind: 'switch', help: 'refuse an image whose anatomy was changed' },
    { name: 'skip-normalization', kind: 'switch', help: 'segment the raw scan, for comparison' },
  ],
  example: 'voxnorm predict -m run -i sub-01_T1w.nii.gz -o predictions',
  async run({ arguments: parsed, log, openDevice }) {
    const out = textFlag(parsed, 'output')!
    const choices = readChoices(parsed, log)
    const stop = listenForStop((signal) => log.warning('stop', `${signal}: stopping`))
    const assessor = openAssessor(stop.signal)
    let lock: FolderLock | undefined
    let device: OpenDevice | undefined
    try {
      const inputs = await findInputs(parsed, choices, log)
      assertFreeForOutput(out, { inputs: listFlag(parsed, 'input'), isOwn: isPredictionFolder })
      lock = lockFolder(out, 'predict')
      await assertNothingReplaced(out, inputs, choices)
      await assertLabelsStay(out, inputs, choices.convention)
      device = await openDevice(textFlag(parsed, 'device'))
      log.info('device', `predicting ${inputs.length} volumes on ${device.description}`)
      const places = { source: openDiskSource(), sink: openDiskSink(out), assessor, stop }
      const { results, failures, kept } = await predictWith(device, inputs, choices, places, log)
      return {
        exitCode: failures.length > 0 ? EXIT.someFailed : EXIT.done,
        document: { output: out, subjects: results, kept, failures },
        text: describe(results, kept.length),
      }
    } finally {
      assessor.close()
      lock?.release()
      stop.release()
      device?.close()
    }
  },
}

/** The model and what the flags say of how it is used. Throws ConfigError for flags that contradict each other. */
function readChoices(parsed: Arguments, log: Log) {
  const convention = labelConvention(labelsOfFlag(textFlag(parsed, 'label-convention') ?? 'bids'))
  const { stored, config, ...file } = readModel(textFlag(parsed, 'model')!)
  const raw = hasFlag(parsed, 'skip-normalization')
  const model = raw ? { ...stored, names: stored.names.filter((name) => name === 'segmenter') } : stored
  const normalized = model.names.includes('generator')
  const strict = hasFlag(parsed, 'strict')
  if (strict && !normalized) {
    log.warning('strict', '--strict refuses nothing here: without normalisation no image is made')
  }
  const continued = hasFlag(parsed, 'continue')
  const overwritten = hasFlag(parsed, 'overwrite')
  if (continued && overwritten) {
    throw new ConfigError('--continue keeps what is finished and --overwrite replaces it.', {
      fix: 'give one of the two',
    })
  }
  return {
    file,
    config,
    model,
    normalized,
    convention,
    strict,
    continued,
    overwritten,
    windows: readWindows(parsed, config, normalized),
    grid: (textFlag(parsed, 'grid') ?? 'model') as GridChoice,
    maskFrom: (textFlag(parsed, 'mask-from') ?? MASK_FROM[0]) as MaskFrom,
    probabilities: hasFlag(parsed, 'save-probabilities'),
    seed: numberFlag(parsed, 'seed') ?? 42,
  }
}

type Choices = ReturnType<typeof readChoices>

async function findInputs(
  parsed: Arguments,
  { config }: Choices,
  log: Log,
): Promise<readonly PredictionInput[]> {
  const found = await readInputs(
    listFlag(parsed, 'input'),
    listFlag(parsed, 'mask'),
    config.modalities,
    (word) => tellListing(log, word),
    messageOf,
  )
  for (const warning of found.warnings) log.warning('data', warning)
  return chooseSplit(found.inputs, textFlag(parsed, 'split'), textFlag(parsed, 'model')!)
}

async function predictWith(
  { runtime, name }: OpenDevice,
  inputs: readonly PredictionInput[],
  choices: Choices,
  places: Pick<PredictAllOptions, 'source' | 'sink' | 'assessor' | 'stop'>,
  log: Log,
) {
  const { file, config, model, normalized, windows, grid, maskFrom, seed } = choices
  const { convention, probabilities, strict, continued } = choices
  const network = await createPredictor(runtime, model)
  try {
    return await predictAll(
      inputs,
      (prepared, onProgress) => predictVolume(network, prepared, { ...windows, onProgress }),
      {
        ...places,
        grid,
        model: config,
        convention,
        probabilities,
        strict,
        continued,
        ...(file.intensityReference && { intensityReference: file.intensityReference }),
        judge,
        provenance: {
          version: version(),
          modelFile: file.file,
          modelSha256: file.sha256,
          trainingSites: config.sites,
          normalized,
          seed,
          adapter: name,
          grid,
          maskFrom,
          ...windows,
        },
      },
      log,
    )
  } finally {
    network.dispose()
  }
}

function readWindows(parsed: Arguments, config: ModelConfig, normalized: boolean): Windows {
  const window = numberFlag(parsed, 'window') ?? config.patch
  const stride = numberFlag(parsed, 'stride') ?? Math.min(DEFAULT_STRIDE, window)
  checkWindows(sidesOf(config, { generator: normalized }), { window, stride })
  return { window, stride }
}

function describe(results: readonly PredictedInput[], kept: number): string {
  const finished = kept === 0 ? [] : [`${kept} ${kept === 1 ? 'image was' : 'images were'} finished already`]
  if (results.length === 0) return finished.join('')
  const volumes = results.flatMap(({ id, volumes }) =>
    volumes.map((row) => [id, row.name, String(row.n_voxels), row.volume_mm3.toFixed(0)]),
  )
  const trust = results.map(({ id, trust: { structure, likeness } }) => [
    id,
    structure?.structureIndex.toFixed(3) ?? 'n/a',
    likeness?.percentile.toFixed(0) ?? 'n/a',
    likeness?.nearestSite ?? 'n/a',
  ])
  const columns = ['image', 'structure index', 'unlike training (percentile)', 'nearest site']
  const tissues = textTable(['image', 'tissue', 'voxels', 'volume (mm³)'], volumes)
  return [tissues, textTable(columns, trust), ...finished].join('\n\n')
}
