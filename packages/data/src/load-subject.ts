import type { Subject } from './datasets/dataset.ts'
import { DataError } from './errors.ts'
import type { Volume } from './image/volume.ts'
import {
  type NamedVolume,
  type PreparedSubject,
  type PrepareOptions,
  prepareSubject,
} from './prepare-subject.ts'

/** Which files of a subject to read, and how to prepare them. */
export interface LoadOptions extends PrepareOptions {
  /** The channels, in order. */
  readonly modalities: readonly string[]
}

/**
 * Reads the files of a subject by `read` and prepares them for the networks; see {@link prepareSubject}.
 *
 * Throws what `read` throws, and DataError for files that cannot be used.
 */
export async function loadSubjectWith(
  read: (file: string) => Promise<Volume>,
  subject: Subject,
  options: LoadOptions,
): Promise<PreparedSubject> {
  const readNamed = async (file: string): Promise<NamedVolume> => ({ file, volume: await read(file) })
  const files = options.modalities.map((modality) => {
    const file = subject.images[modality]
    if (file !== undefined) return file
    throw new DataError(`The participant ${subject.id} of site ${subject.site} has no ${modality} image.`, {
      fix: 'add the image, leave the participant out, or change data.modalities',
    })
  })
  const images: NamedVolume[] = []
  for (const file of files) images.push(await readNamed(file))
  const label = subject.label === undefined ? undefined : await readNamed(subject.label)
  const mask = subject.mask === undefined ? undefined : await readNamed(subject.mask)
  const volumes = {
    images,
    ...(label === undefined ? {} : { label }),
    ...(mask === undefined ? {} : { mask }),
  }
  return prepareSubject(subject, volumes, options)
}
