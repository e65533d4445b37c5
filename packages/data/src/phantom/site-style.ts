/** Signals that a phantom image can show. */
export type PhantomModality = 'T1w' | 'T2w'

/** Signal of pure tissue, relative to the brightest possible one (1). */
export interface TissueSignals {
  readonly CSF: number
  /** Cortex. */
  readonly GM: number
  /** Thalamus, basal ganglia and hippocampus, which are labelled GM. */
  readonly deepGM: number
  readonly WM: number
}

/** How one site's scanner and population turn anatomy into an image. */
export interface SiteStyle {
  readonly name: string
  readonly signals: Readonly<Record<PhantomModality, TissueSignals>>
  /** Exponent of the display curve: below 1 lifts dark tissue. */
  readonly gamma: number
  /** Stored value of signal 1. */
  readonly scale: number
  /** Standard deviation of the noise in each channel of the receiver, relative to signal 1 (Rician in the image). */
  readonly noise: number
  /** Full width at half maximum of the blur along x, y and z in mm, beyond that of the voxel. */
  readonly blur: readonly [number, number, number]
  /** Largest deviation of the logarithm of the receiver's sensitivity. */
  readonly bias: number
  /** Relative variation of the signal inside a tissue over a few centimetres. */
  readonly texture: number
}

/**
 * Four sites that differ as real ones do: two adult scanners with other brightness, curve and range, one with
 * thick slices and more noise, and infants, whose grey matter is slightly brighter than white matter in T1w.
 */
export const SITE_STYLES = {
  adult: {
    name: 'adult',
    signals: {
      T1w: { CSF: 0.2, GM: 0.62, deepGM: 0.7, WM: 0.93 },
      T2w: { CSF: 0.95, GM: 0.56, deepGM: 0.5, WM: 0.37 },
    },
    gamma: 1,
    scale: 255,
    noise: 0.02,
    blur: [1, 1, 1],
    bias: 0.08,
    texture: 0.03,
  },
  'adult-bright': {
    name: 'adult-bright',
    signals: {
      T1w: { CSF: 0.3, GM: 0.5, deepGM: 0.58, WM: 0.72 },
      T2w: { CSF: 0.9, GM: 0.62, deepGM: 0.56, WM: 0.48 },
    },
    gamma: 0.7,
    scale: 900,
    noise: 0.025,
    blur: [1.2, 1.2, 1.2],
    bias: 0.25,
    texture: 0.04,
  },
  'adult-thick': {
    name: 'adult-thick',
    signals: {
      T1w: { CSF: 0.12, GM: 0.48, deepGM: 0.58, WM: 0.86 },
      T2w: { CSF: 1, GM: 0.5, deepGM: 0.44, WM: 0.33 },
    },
    gamma: 1.25,
    scale: 3000,
    noise: 0.045,
    blur: [1, 1, 4],
    bias: 0.15,
    texture: 0.03,
  },
  infant: {
    name: 'infant',
    signals: {
      T1w: { CSF: 0.42, GM: 0.84, deepGM: 0.83, WM: 0.76 },
      T2w: { CSF: 1, GM: 0.52, deepGM: 0.5, WM: 0.68 },
    },
    gamma: 1,
    scale: 650,
    noise: 0.018,
    blur: [1.3, 1.3, 1.3],
    bias: 0.1,
    texture: 0.02,
  },
} as const satisfies Readonly<Record<string, SiteStyle>>
