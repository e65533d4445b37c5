import { imageAxes, type PreparedSubject } from '@voxnorm/data'
import { createPredictor, predictVolume, readModel } from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import type { Log } from '../log.ts'
import { axialSlab } from '../prediction/preview.ts'
import { previewOfSubject } from '../prediction/subject-preview.ts'
import { assess } from '../prediction/trust.ts'
import { StoppedError, type StopRequest } from '../stop.ts'
import type { RunFolder } from './run-folder.ts'

/**
 * Draws one validation subject of each site with the model that the run folder holds.
 *
 * Windows overlap as in a prediction, so that no seam shows, but only those around one axial plane are computed: there
 * the values are the ones that a prediction of the whole subject would have. After a stop signal the run does without
 * the pictures that are missing; a resumption makes them.
 */
export async function writePreviews(
  folder: RunFolder,
  runtime: Runtime,
  validation: readonly PreparedSubject[],
  { stride, log, stop }: { readonly stride: number; readonly log: Log; readonly stop: StopRequest },
): Promise<void> {
  const bytes = await folder.readModelFile('model.safetensors')
  if (bytes === undefined) throw new Error('previews are made of a model that was written')
  const stored = readModel(bytes, `${folder.name}/model/model.safetensors`)
  const { config } = stored
  const network = await createPredictor(runtime, stored)
  const windows = { window: config.patch, stride }
  const normalized = stored.names.includes('generator')
  const shown = config.sites.flatMap((site) => validation.find((subject) => subject.site === site) ?? [])
  try {
    for (const subject of shown) {
      const { id: participant, site, mask } = subject
      const slab = axialSlab(mask, imageAxes(subject.shape), stride)
      const shownPart = { ...subject, mask: slab }
      const onProgress = (done: number, total: number) => {
        stop.throwIfStopped('the previews are not complete')
        log.progress({ what: `preview ${participant}`, done, total, unit: 'windows' })
      }
      const output = await predictVolume(network, shownPart, { ...windows, onProgress })
      log.endProgress()
      const preview = previewOfSubject(subject, output, config, {
        participant,
        site,
        split: 'validation',
        normalized,
        predicted: slab,
        assessment: assess(shownPart, output, { modalities: config.modalities, windows, normalized }),
      })
      const name = `${site}_${participant}.json`.replaceAll(/[^\w.-]/g, '_')
      await folder.writeFigure(name, JSON.stringify(preview))
    }
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error
  } finally {
    network.dispose()
  }
}
