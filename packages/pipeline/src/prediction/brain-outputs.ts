import type { PreparedSubject } from '@voxnorm/data'
import { basename } from 'pathe'
import type { PredictionInput } from './input.ts'

const MASK_SOURCES = {
  file: 'mask file',
  background: 'everything but the background of the image',
  positive: 'all voxels above zero',
} as const satisfies Record<PreparedSubject['brain']['source'], string>

/** What a sidecar says of how the brain was found, and of what was odd or doubtful in the files. */
export function brainFields({ brain, warnings }: PreparedSubject, input: PredictionInput): object {
  const { source, litres, pieces, plausible } = brain
  return {
    BrainMask: {
      Source: MASK_SOURCES[source],
      VolumeLitres: Number(litres.toPrecision(4)),
      Pieces: pieces,
      Plausible: plausible,
    },
    ...(warnings.length > 0 && { Warnings: withoutFolders(warnings, input) }),
  }
}

/** Sentences that begin with the path of an input, with its name alone instead. */
export function withoutFolders(sentences: readonly string[], { images, mask }: PredictionInput): string[] {
  return sentences.map((sentence) => {
    const file = [...images, mask].find((one) => one !== undefined && sentence.startsWith(`${one}: `))
    return file === undefined ? sentence : `${basename(file)}${sentence.slice(file.length)}`
  })
}
