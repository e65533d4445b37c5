import { DataError, findBrain, headerWarnings, type MaskFrom, type NamedVolume } from '@voxnorm/data'
import type { Judge } from '../failures.ts'
import { warnOfFiles } from '../file-warnings.ts'
import type { Log } from '../log.ts'

/** The brain of an image before the prediction; undefined, with a warning, where the image does not show it. */
export function brainOf(
  image: NamedVolume,
  maskFile: NamedVolume | undefined,
  maskFrom: MaskFrom,
  { log, judge }: { readonly log: Log; readonly judge: Judge },
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
    log.warning(
      'brain',
      `${judge(error).message}; until then its intensities are not compared between the sites`,
    )
    return undefined
  }
}

/** An image that was read; tells what is odd in its header. */
export function toldImage(image: NamedVolume, log: Log): NamedVolume {
  warnOfFiles(log, headerWarnings({ images: [image] }))
  return image
}
