import path from 'node:path'
import { type SafetensorsFile, writeSafetensors } from '@voxnorm/autograd'
import {
  imageAxes,
  lesionRetention,
  type PreparedSubject,
  plantLesions,
  preservation,
  tissueDice,
  voxelSizes,
} from '@voxnorm/data'
import { loadSubject } from '@voxnorm/data/node'
import { createPredictor, type Predictor, predictVolume, readModel, train } from '@voxnorm/models'
import { hostProcessorTime, kernelProcessorTime, openDevice } from '@voxnorm/node'
import { openTrainingData } from '@voxnorm/pipeline/node'
import { parseConfig, planRun, toTraining } from '@voxnorm/pipeline/training'
import { keep, option } from './measure.ts'

/** Seeds of the lesions that are planted into each test subject, six at a time. */
const LESIONS = [1, 2, 3]

/** What a method is worth on a test subject, on the grid of the networks. */
interface SubjectScore {
  readonly participant: string
  readonly site: string
  /** Of whole volumes. */
  readonly dice: { readonly CSF: number; readonly GM: number; readonly WM: number; readonly mean: number }
  /** The rest where the method has a generator. */
  readonly structureIndex?: number
  /** Mean share of their contrast that planted lesions keep. */
  readonly bright?: number
  readonly dark?: number
  /** (WM − GM) over their pooled deviation in the normalised image; below 0 white matter is the darker. */
  readonly contrast?: number
}

/**
 * Trains one method on a data set and scores it on the test subjects: `--data TABLE`, `--set KEY=VALUE` as for `train`,
 * as often as wanted, `--out FILE.json`.
 */
export async function run(options: readonly string[]): Promise<void> {
  const table = path.resolve(option(options, 'data') ?? '')
  const set = options.flatMap((word, index) => (options[index - 1] === '--set' ? [word] : []))
  const config = parseConfig(`data: { table: ${JSON.stringify(table)} }`, 'methods', { set })
  const plan = planRun(config, await openTrainingData(config))
  const { scaling, maskFrom, voxelSize, modalities } = config.data
  const subjects = await Promise.all(
    plan.subjects.map((subject) =>
      loadSubject(subject, { scaling, maskFrom, voxelSize, modalities, margin: 0 }),
    ),
  )
  const of = (split: string) => subjects.filter((_, index) => plan.subjects[index]!.split === split)

  const device = await openDevice(option(options, 'device'))
  const before = kernelProcessorTime() + hostProcessorTime()
  let seconds = 0
  let file: SafetensorsFile | undefined
  const data = { training: of('train'), validation: of('validation') }
  for await (const event of train(device.runtime, toTraining(config), data)) {
    if (event.kind === 'validation') console.log(`${event.done}: ${event.values['dice.mean']?.toFixed(3)}`)
    if (event.kind === 'checkpoint' && event.which === 'latest') file = event
    if (event.kind === 'stopped') seconds = event.time
  }
  const processorSeconds = (kernelProcessorTime() + hostProcessorTime() - before) / 1000
  const predictor = await createPredictor(device.runtime, readModel(writeSafetensors(file!)))
  const scores: SubjectScore[] = []
  for (const subject of of('test')) scores.push(await score(predictor, subject))
  predictor.dispose()
  device.close()
  const sites = summarize(scores)
  console.table(sites)
  keep('methods', options, { adapter: device.name, set, seconds, processorSeconds, sites, scores })
}

async function score(predictor: Predictor, subject: PreparedSubject): Promise<SubjectScore> {
  const { image, mask, label, id, site } = subject
  const shape = imageAxes(subject.shape)
  const spacing = voxelSizes(subject.affine)
  const { labels, normalized } = await predictVolume(predictor, subject, { stride: 8 })
  const basic = { participant: id, site, dice: tissueDice(labels, label!) }
  if (!predictor.normalizes) return basic
  const kept: { readonly bright: number[]; readonly dark: number[] } = { bright: [], dark: [] }
  for (const seed of LESIONS) {
    const planted = plantLesions(image, mask, label!, shape, spacing, { seed })
    const after = await predictVolume(
      predictor,
      { ...subject, image: Float32Array.from(planted.image) },
      { stride: 8 },
    )
    const pairs = [
      { clean: image, planted: planted.image },
      { clean: normalized, planted: after.normalized },
    ] as const
    const { retention } = lesionRetention(...pairs, planted.lesions, mask, shape, spacing)
    planted.lesions.forEach(({ contrast }, index) => {
      kept[contrast > 0 ? 'bright' : 'dark'].push(retention[index]!)
    })
  }
  return {
    ...basic,
    structureIndex: preservation(image, normalized, mask, shape, spacing).structureIndex,
    bright: mean(kept.bright),
    dark: mean(kept.dark),
    contrast: contrastOf(normalized, label!),
  }
}

/** How far white matter is above grey matter, in their pooled deviation. */
function contrastOf(image: Float32Array, label: Uint8Array): number {
  const [grey, white] = [2, 3].map((tissue) => {
    const values = image.filter((_, voxel) => label[voxel] === tissue)
    const middle = mean(values)
    return { middle, variance: mean(values.map((value) => (value - middle) ** 2)) }
  }) as [Moments, Moments]
  return (white.middle - grey.middle) / Math.sqrt((grey.variance + white.variance) / 2)
}

interface Moments {
  readonly middle: number
  readonly variance: number
}

/** Means over the subjects of each site; of the structure index the lowest. */
function summarize(scores: readonly SubjectScore[]): Record<string, Record<string, number>> {
  const round = (value: number) => Number(value.toFixed(3))
  const sites = [...new Set(scores.map(({ site }) => site))]
  return Object.fromEntries(
    sites.map((name) => {
      const own = scores.filter(({ site }) => site === name)
      const average = (of: (score: SubjectScore) => number) => round(mean(own.map(of)))
      return [
        name,
        {
          dice: average(({ dice }) => dice.mean),
          CSF: average(({ dice }) => dice.CSF),
          GM: average(({ dice }) => dice.GM),
          WM: average(({ dice }) => dice.WM),
          ...(own[0]!.structureIndex !== undefined && {
            structureIndex: round(Math.min(...own.map(({ structureIndex }) => structureIndex!))),
            bright: average(({ bright }) => bright!),
            dark: average(({ dark }) => dark!),
            contrast: average(({ contrast }) => contrast!),
          }),
        },
      ]
    }),
  )
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
