import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type PhantomPlan, writePhantom } from '@voxnorm/pipeline'
import { openDiskSink, openTrainingData } from '@voxnorm/pipeline/node'
import { type Config, planRun, type RunPlan } from '@voxnorm/pipeline/training'
import { openLog } from '../packages/cli/src/progress.ts'
import { listenForStop } from '../packages/cli/src/stop-request.ts'
import { SITE_STYLES } from '../packages/data/src/index.ts'

/** Where a bench's own data lie, and how `voxnorm train` would see them. */
export interface PhantomRun {
  readonly config: Config
  readonly plan: RunPlan
  readonly log: ReturnType<typeof openLog>
  readonly stop: ReturnType<typeof listenForStop>
}

/** Writes a synthetic data set of two sites, plans a training on it for `use`, and removes it. */
export async function withPhantom<T>(
  config: Config,
  size: Pick<PhantomPlan, 'subjectsPerSite' | 'shape' | 'voxelSize'>,
  use: (run: PhantomRun) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-bench-'))
  const log = openLog({ write: () => {}, terminal: false, format: 'text', quiet: true, now: Date.now })
  const stop = listenForStop(() => {})
  try {
    const styles = [SITE_STYLES.adult, SITE_STYLES['adult-bright']]
    const modalities = config.data.modalities as PhantomPlan['modalities']
    const data = path.join(folder, 'data')
    await writePhantom(openDiskSink(data), { styles, modalities, seed: config.seed, ...size }, log, stop)
    const placed = { ...config, data: { ...config.data, table: path.join(data, 'dataset.tsv') } }
    return await use({ config: placed, plan: planRun(placed, await openTrainingData(placed)), log, stop })
  } finally {
    stop.release()
    rmSync(folder, { recursive: true })
  }
}
