import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadSubject, type openSubjectLoader } from '@voxnorm/data/node'
import { trainingBatches } from '@voxnorm/models'
import { hostProcessorTime } from '@voxnorm/node'
import { type Config, loadRun, PRESETS, toTraining } from '@voxnorm/pipeline/training'
import { median } from '@voxnorm/tensor/tuning'
import { keep, option } from './measure.ts'
import { withPhantom } from './phantom.ts'

/** Of a T1 template, 1 mm. */
const SHAPE = [181, 217, 181] as const
/** Short work is repeated: the kernel counts processor time in ticks of some milliseconds. */
const LEAST_MS = 100

/** Times in milliseconds of one batch, or of one subject of several that are loaded. */
interface Row {
  readonly what: string
  readonly ms_median: number
  readonly host_cpu_ms: number
}

/**
 * Times what the host does for the device: making one batch, with one image or two and with and without degraded
 * patches, and loading subjects of two images, a label map and a mask, on the main thread and as `voxnorm train` does.
 */
export async function run(options: readonly string[]): Promise<void> {
  const rounds = Number(option(options, 'rounds') ?? 5)
  const { paper, tiny } = PRESETS
  const two: Config = { ...paper, data: { ...paper.data, modalities: ['T1w', 'T2w'] } }
  const size = { subjectsPerSite: 3, shape: SHAPE, voxelSize: 1 }
  const rows: Row[] = []
  const add = (row: Row) => {
    rows.push(row)
    const { what, ms_median, host_cpu_ms } = row
    const times = [`${ms_median.toFixed(2)} ms`, `${host_cpu_ms.toFixed(2)} ms of the host's thread`]
    console.log([what.padEnd(44), ...times.map((time) => time.padStart(12))].join(' '))
  }
  // The threads have a file of their own, which there is only where the packages are built.
  const built = pathToFileURL(path.resolve('packages/data/dist/node/index.js')).href
  const loader = (await import(built)).openSubjectLoader() as ReturnType<typeof openSubjectLoader>
  await withPhantom(two, size, async ({ config, plan, log, stop }) => {
    const load = (way: typeof loadSubject) => loadRun(config, plan, log, stop, way)
    const { train, validation } = await load(loadSubject)
    const subjects = train.length + validation.length
    const oneByOne = async () => {
      const { labels: _labels, ...data } = config.data
      for (const subject of plan.subjects.filter(({ split }) => split !== 'test'))
        await loadSubject(subject, { ...data, margin: 0 })
    }
    add(await time(`load ${subjects} subjects, one by one`, rounds, oneByOne, subjects))
    const name = `load ${subjects} subjects, ${loader.threads} threads`
    add(await time(name, rounds, () => load(loader.load), subjects))
    const single = train.map((subject) => ({
      ...subject,
      channels: 1,
      image: subject.image.filter((_, index) => index % subject.channels === 0),
    }))
    for (const [preset, batch] of [
      [tiny, 4],
      [paper, 8],
      [paper, 72],
    ] as const) {
      for (const [images, from] of [
        [1, single],
        [2, train],
      ] as const) {
        for (const probability of [0, 0.5]) {
          const { patch } = preset.data
          const settings = toTraining({
            ...preset,
            train: { ...preset.train, batch },
            augment: { biasField: { ...preset.augment.biasField, probability } },
          })
          const batches = trainingBatches(settings, from, plan.sites)
          let iteration = 0
          const what = `batch [${batch},${patch}³,${images}]${probability > 0 ? ', half degraded' : ''}`
          add(await time(what, rounds, () => batches.at(0, iteration++, 0)))
        }
      }
    }
  })
  loader.close()
  const processors = os.cpus()
  const processor = `${processors[0]?.model} x ${processors.length}`
  keep('batches', options, { processor, threads: loader.threads, rows })
}

/** Runs once to warm up, and then round by round; times are those of one of the `parts` of a run. */
async function time(what: string, rounds: number, work: () => unknown, parts = 1): Promise<Row> {
  const [wall, processor]: [number[], number[]] = [[], []]
  await work()
  for (let round = 0; round < rounds; round++) {
    const [start, used] = [performance.now(), hostProcessorTime()]
    let runs = 0
    do {
      await work()
      runs++
    } while (performance.now() - start < LEAST_MS)
    wall.push((performance.now() - start) / runs / parts)
    processor.push((hostProcessorTime() - used) / runs / parts)
  }
  return { what, ms_median: median(wall), host_cpu_ms: median(processor) }
}
