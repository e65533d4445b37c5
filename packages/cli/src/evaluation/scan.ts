import { DataError, findBrain, headerWarnings, type MaskFrom, type NamedVolume } from '@voxnorm/data'
import { readVolumeFile } from '@voxnorm/data/node'
import { messageOf } from '../exit-codes.ts'
import { warnOfFiles } from '../file-warnings.ts'
import type { Log } from '../progress.ts'

/** The brain of an image before the prediction; undefined, with a warning, where the image does not show it. */
export function brainOf(
  image: NamedVolume,
  maskFile: NamedVolume | undefined,
  maskFrom: MaskFrom,
  log: Log,
): Uint8Array | undefined {
  try {
    const { mask, warnings } = findBrain(image, maskFile, maskFrom)
    warnOfFiles(
      log,
      warnings.map((warning) => `${(maskFile ?? image).file}: ${warning}`),
    )
    return mask
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ')
    log.warning('brain', `${message}; until then its intensities are not compared between the sites`)
    return undefined
  }
}

/** Reads an image, and tells what is odd in its header. */
export async function readImage(file: string, log: Log): Promise<NamedVolume> {
  const image = { file, volume: await readVolumeFile(file) }
  warnOfFiles(log, headerWarnings({ images: [image] }))
  return image
}
