import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SITE_STYLES } from '@voxnorm/data'
import { type Log, type PhantomPlan, type StopRequest, stopOnAbort, writePhantom } from '@voxnorm/pipeline'
import { openDiskSink, openTrainingData } from '@voxnorm/pipeline/node'
import { type Config, planRun, type RunPlan } from '@voxnorm/pipeline/training'

const nothing = () => {}
const SILENT: Log = {
  info: nothing,
  warning: nothing,
  error: nothing,
  progress: nothing,
  endProgress: nothing,
  copyTo: nothing,
}

/** Where a bench's own data lie, and how `voxnorm train` would see them. */
export interface PhantomRun {
  readonly config: Config
  readonly plan: RunPlan
  readonly log: Log
  readonly stop: StopRequest
}

/** Writes a synthetic data set of two sites, plans a training on it for `use`, and removes it. */
export async function withPhantom<T>(
  config: Config,
  size: Pick<PhantomPlan, 'subjectsPerSite' | 'shape' | 'voxelSize'>,
  use: (run: PhantomRun) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-bench-'))
  const stop = stopOnAbort()
  try {
    const styles = [SITE_STYLES.adult, SITE_STYLES['adult-bright']]
    const modalities = config.data.modalities as PhantomPlan['modalities']
    const data = path.join(folder, 'data')
    await writePhantom(openDiskSink(data), { styles, modalities, seed: config.seed, ...size }, SILENT, stop)
    const placed = { ...config, data: { ...config.data, table: path.join(data, 'dataset.tsv') } }
    return await use({
      config: placed,
      plan: planRun(placed, await openTrainingData(placed)),
      log: SILENT,
      stop,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
