import { splitImageName } from '@voxnorm/data'
import { resolve, sep } from 'pathe'

/** Names of the outputs of one volume. */
export interface OutputNames {
  /** Folder inside OUT, empty for OUT itself. */
  readonly folder: string
  /** Start of names that belong to the subject as a whole: `NAME`, or `sub-01` for a BIDS name. */
  readonly base: string
  /** The normalised image of each modality, without ending: `NAME_desc-norm` or `sub-01_desc-norm_T1w`. */
  readonly normalized: readonly string[]
  readonly bids: boolean
}

/**
 * How the outputs for the images of one subject are called: after the first image, by the rules of BIDS when all
 * images have BIDS names. `modalities` tell images apart that differ only in their folders.
 */
export function outputNames(images: readonly string[], modalities: readonly string[]): OutputNames {
  const stems = images.map((image) => splitImageName(image).stem)
  const distinct = new Set(stems).size === stems.length
  const bids = stems.map((name) => /^(sub-[A-Za-z0-9]+(?:_[a-z]+-[A-Za-z0-9]+)*)_([A-Za-z0-9]+)$/.exec(name))
  if (distinct && bids.every((match) => match !== null)) {
    const entities = bids.map((match) => match[1]!.replace(/_desc-[A-Za-z0-9]+/, ''))
    return {
      folder: insideBids(images[0]!)?.folder ?? '',
      base: entities[0]!,
      normalized: bids.map((match, channel) => `${entities[channel]}_desc-norm_${match[2]}`),
      bids: true,
    }
  }
  const names = stems.map((name, channel) => (distinct ? name : `${name}_${modalities[channel]}`))
  return {
    folder: '',
    base: stems[0]!,
    normalized: names.map((name) => `${name}_desc-norm`),
    bids: false,
  }
}

/**
 * The root of the BIDS dataset in which an image lies as `sub-X[/ses-Y]/anat/NAME`, and that folder below it;
 * undefined for an image that lies elsewhere.
 */
export function insideBids(image: string): { readonly root: string; readonly folder: string } | undefined {
  const absolute = resolve(image).split(sep).join('/')
  const match = /^(.*)\/(sub-[A-Za-z0-9]+\/(?:ses-[A-Za-z0-9]+\/)?anat)\/[^/]+$/.exec(absolute)
  return match === null ? undefined : { root: match[1]!, folder: match[2]! }
}
