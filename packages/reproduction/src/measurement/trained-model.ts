import path from 'node:path'
import type { IntensityReference, PreparedSubject } from '@voxnorm/data'
import {
  createPredictor,
  type ModelConfig,
  type PredictedVolume,
  predictVolume,
  type StoredModel,
  type Windows,
} from '@voxnorm/models'
import { readModel } from '@voxnorm/pipeline/node'
import type { Runtime } from '@voxnorm/tensor'

/** A model of a run on a device. */
export interface TrainedModel {
  readonly config: ModelConfig
  readonly stored: StoredModel
  readonly windows: Windows
  /** Whether it has a generator. */
  readonly normalizes: boolean
  readonly intensityReference: IntensityReference | undefined
  predict(prepared: PreparedSubject): Promise<PredictedVolume>
  dispose(): void
}

/** Puts the model of a finished run folder on a device. */
export async function openTrainedModel(
  runtime: Runtime,
  folder: string,
  stride: number,
): Promise<TrainedModel> {
  const file = readModel(path.join(folder, 'model'))
  const { stored } = file
  const network = await createPredictor(runtime, stored)
  const windows = { window: file.config.patch, stride }
  return {
    config: file.config,
    stored,
    windows,
    normalizes: stored.names.includes('generator'),
    intensityReference: file.intensityReference,
    predict: (prepared) => predictVolume(network, prepared, windows),
    dispose: () => network.dispose(),
  }
}
