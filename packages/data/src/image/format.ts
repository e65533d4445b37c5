import type { Volume } from './volume.ts'

/** An uncompressed image: one file twice, or a header and a file of voxels. */
export interface ImageBytes {
  readonly header: Uint8Array
  readonly voxels: Uint8Array
  /** Whether header and voxels are in one file. */
  readonly single: boolean
}

/** Endings of two files that make an image together, as in {@link Format}. */
export interface EndingPair {
  readonly header: string
  readonly voxels: string
}

/** An image format as a value. */
export interface Format {
  /** For messages; formats of one family share it. */
  readonly title: string
  /** How names of its single files end: lower case, with the dot, without `.gz`. */
  readonly endings: readonly string[]
  readonly pairs?: readonly EndingPair[]
  /**
   * What the first bytes of a header say: that header and voxels are in one file, that this is a header alone, or
   * undefined for other formats. `paired` is whether the name is that of one half of a pair.
   */
  recognise(header: Uint8Array, paired: boolean): 'single' | 'header' | undefined
  /** Reads an image that was recognised. Throws DataError with `file` for what is not one volume of real numbers. */
  read(image: ImageBytes, file: string): Volume
  /** How many bytes a single file with this header has, where the header says so. Throws as `read` does. */
  expectedLength?(header: Uint8Array, file: string): number
}
