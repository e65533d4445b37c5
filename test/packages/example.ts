import { prepareSubject, readVolume } from '@voxnorm/data'
import { createPredictor, predictVolume, readModel } from '@voxnorm/models'
import { Runtime } from '@voxnorm/tensor'

/** A normalised image and its labels on the networks' grid, `[D, H, W]`, as JSON can carry them. */
export interface Result {
  readonly image: readonly number[]
  readonly labels: readonly number[]
}

/** What a page does with a scan: the same in a browser and in Node, where `gpu` comes from @voxnorm/node. */
export async function normalizeScan(gpu: GPU, modelFile: Uint8Array, scanFile: Uint8Array): Promise<Result> {
  const model = readModel(modelFile)
  const { scaling, voxelSize, patch } = model.config
  const volume = readVolume(scanFile, { name: 'scan.nii' })
  const images = [{ file: 'scan.nii', volume }]
  const subject = prepareSubject({ id: 'example', site: 'here' }, { images }, { scaling, voxelSize })
  const runtime = await Runtime.open(gpu)
  const predictor = await createPredictor(runtime, model)
  const { normalized, labels } = await predictVolume(predictor, subject, { stride: patch / 2 })
  predictor.dispose()
  runtime.dispose()
  return { image: [...normalized], labels: [...labels] }
}
