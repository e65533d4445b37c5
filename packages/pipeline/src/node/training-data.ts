import type { Dataset } from '@voxnorm/data'
import { type ListingProgress, openDataset } from '@voxnorm/data/node'
import type { Config } from '../config/schema.ts'

/** Opens the data set that a configuration names, with the images that it asks for. Throws as `openDataset` does. */
export function openTrainingData(config: Config, onProgress?: ListingProgress): Promise<Dataset> {
  const { table, modalities, labels } = config.data
  return openDataset(table, {
    modalities,
    ...(labels === 'auto' ? {} : { labels }),
    ...(onProgress && { onProgress }),
  })
}
