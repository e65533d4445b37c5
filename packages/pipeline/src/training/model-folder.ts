import { readSafetensors, writeSafetensors } from '@voxnorm/autograd'
import type { IntensityReference } from '@voxnorm/data'
import { sha256 as hashOf } from '../storage.ts'
import type { RunFolder } from './run-folder.ts'
import type { DatasetRecord, MetricsLine } from './run-records.ts'

const NETWORK = /^(generator|segmenter|discriminator)\./

/** What the model card and model.json say besides the networks' own settings. */
export interface ModelFacts {
  readonly version: string
  readonly dataset: DatasetRecord
  readonly method: string
  readonly seed: number
  readonly adapter: string
  /** The validation line of the checkpoint, if there was a validation. */
  readonly best: MetricsLine | undefined
  /** What `warmUpNotice` has to say. */
  readonly warmUp?: string | undefined
  /** What the training scans look like, so that a prediction can tell a scan that does not look like them. */
  readonly intensityReference?: IntensityReference
}

/**
 * Writes `model/`: the weights of a checkpoint without optimizer and counters, model.json and the model card.
 *
 * The same checkpoint and facts give the same bytes.
 */
export async function writeModelFolder(
  folder: RunFolder,
  checkpoint: Uint8Array,
  facts: ModelFacts,
): Promise<void> {
  const { metadata, tensors } = readSafetensors(checkpoint)
  const { format = '', version = '', config = '' } = metadata
  const weights = new Map([...tensors].filter(([name]) => NETWORK.test(name)))
  const { intensityReference } = facts
  // Metadata of safetensors are texts. The model file carries the reference itself, so that it can be passed on alone.
  const reference = intensityReference && { intensityReference: JSON.stringify(intensityReference) }
  const bytes = writeSafetensors({ metadata: { format, version, config, ...reference }, tensors: weights })
  const sha256 = await hashOf(bytes)
  const networks = JSON.parse(config) as Record<string, unknown>
  const record = {
    name: 'voxnorm model',
    generatedBy: { name: 'voxnorm', version: facts.version },
    sha256,
    config: networks,
    training: {
      method: facts.method,
      seed: facts.seed,
      adapter: facts.adapter,
      subjects: subjectCounts(facts.dataset),
      ...(facts.best === undefined ? {} : { validation: facts.best }),
      ...(facts.warmUp === undefined ? {} : { warmUp: facts.warmUp }),
    },
    ...(intensityReference === undefined ? {} : { intensityReference }),
    intendedUse: 'research; not for clinical use',
  }
  await folder.writeModelFile('model.safetensors', bytes)
  await folder.writeModelFile('model.json', `${JSON.stringify(record, null, 2)}\n`)
  await folder.writeModelFile('README.md', modelCard(facts, networks, sha256))
}

function subjectCounts({ sites, rows }: DatasetRecord): Record<string, Record<string, number>> {
  const count = (site: string, split: string) =>
    rows.filter((row) => row.site === site && row.split === split).length
  return Object.fromEntries(
    sites.map((site) => [
      site,
      { train: count(site, 'train'), validation: count(site, 'validation'), test: count(site, 'test') },
    ]),
  )
}

function modelCard(facts: ModelFacts, networks: Readonly<Record<string, unknown>>, sha256: string): string {
  const { best, dataset, method, seed, adapter, version, intensityReference, warmUp } = facts
  const dice = (name: string) => (typeof best?.[name] === 'number' ? best[name].toFixed(3) : 'n/a')
  const counts = subjectCounts(dataset)
  const sites = Object.entries(counts).map(
    ([site, { train, validation, test }]) =>
      `| ${site.replaceAll('|', '\\|')} | ${train} | ${validation} | ${test} |`,
  )
  return `# Model card

Networks that bring ${dataset.modalities.join(' and ')} brain MRI of several sites to one appearance and segment
cerebrospinal fluid (CSF), grey matter (GM) and white matter (WM). Made by voxnorm ${version}.

**For research. Not for clinical use.**

## Training

Method \`${method}\`, seed ${seed}, on ${adapter}.
${warmUp === undefined ? '' : `\n**${warmUp}**\n`}
| site | train | validation | test |
|---|---|---|---|
${sites.join('\n')}

Settings of the networks: \`${JSON.stringify(networks)}\`

## Scores on the validation subjects

| CSF | GM | WM | mean |
|---|---|---|---|
| ${dice('dice.CSF')} | ${dice('dice.GM')} | ${dice('dice.WM')} | ${dice('dice.mean')} |

Dice coefficients of the checkpoint that was chosen by them, so they flatter it. Score the test subjects with
\`voxnorm evaluate\` before relying on the model.

## Limits

- Images from other sites, ages, sequences or with other pathology than the training data may be normalised or segmented
  badly. ${
    intensityReference === undefined
      ? 'The model does not know what its training scans look like, so there will be no warning.'
      : 'A prediction warns where the intensities of a scan are unlike those of the training scans, and of nothing else.'
  }
- The networks expect images in which everything outside the brain is 0, or a brain mask.
- Whether biological differences survive the normalisation has to be checked for every question anew. \`predict --strict\`
  refuses images whose structure was changed; it does not see what it was not made to see.

## Use

\`voxnorm predict -m model.safetensors -i IMAGE.nii.gz -o OUT\`

SHA-256 of model.safetensors: \`${sha256}\`
`
}
