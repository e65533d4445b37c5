import type { Format } from './format.ts'
import { mgh } from './mgh.ts'
import { analyze, nifti1, nifti2 } from './nifti-formats.ts'

/** Formats by the names of {@link ImageFormat}. */
export type Formats = Readonly<Record<string, Format>>

/** The formats that can be read, in the order in which they are asked; another one is a file and a row here. */
export const FORMATS = { nifti1, nifti2, analyze, mgh } as const satisfies Formats
