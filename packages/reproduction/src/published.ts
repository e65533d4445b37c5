/** Dice or distance of each tissue, and their mean. */
export interface TissueValues {
  readonly CSF: number
  readonly GM: number
  readonly WM: number
  readonly mean: number
}

const values = (CSF: number, GM: number, WM: number, mean: number): TissueValues => ({ CSF, GM, WM, mean })

/** The data sets of the paper in the order of the roles that a user's sites take: the third joins in "multi" only. */
export const PAPER_SITES = ['iSEG', 'MRBrainS', 'ABIDE'] as const

/** Table 2: Dice of a segmenter alone, by the roles of the site that it learnt from and of the site that it is tested on. */
export const TABLE2 = [
  { train: 0, test: 0, ...values(0.92, 0.857, 0.828, 0.868) },
  { train: 1, test: 1, ...values(0.861, 0.789, 0.839, 0.83) },
  { train: 0, test: 1, ...values(0.401, 0.354, 0.519, 0.425) },
  { train: 1, test: 0, ...values(0.293, 0.082, 0.563, 0.313) },
] as const

/** Table 3: Dice, and what the paper calls a modified Hausdorff distance in mm (see the caveat in `caveats.ts`). */
export const TABLE3 = {
  dual: {
    standardization: { DSC: values(0.897, 0.836, 0.79, 0.841), MHD: values(0.792, 0.498, 0.734, 0.675) },
    preprocessor: { DSC: values(0.919, 0.86, 0.831, 0.87), MHD: values(0.227, 0.517, 0.702, 0.482) },
    ours: { DSC: values(0.912, 0.853, 0.836, 0.867), MHD: values(0.245, 0.492, 0.595, 0.444) },
  },
  multi: {
    standardization: { DSC: values(0.86, 0.881, 0.856, 0.866), MHD: values(0.264, 0.684, 0.812, 0.587) },
    preprocessor: { DSC: values(0.922, 0.895, 0.87, 0.896), MHD: values(0.251, 0.392, 0.53, 0.39) },
    ours: { DSC: values(0.913, 0.887, 0.87, 0.89), MHD: values(0.293, 0.422, 0.598, 0.438) },
  },
} as const

/** Table 4, "JSD" of inputs and of normalised images; the authors' script divided by other counts of images in each. */
export const TABLE4 = {
  dual: { input: 2.0839, preprocessor: 0.2793, ours: 0.2788 },
  multi: { input: 12.2212, preprocessor: 0.4185, ours: 0.418 },
} as const

/** Table 5: one modality and two. The row of one repeats Table 3. */
export const TABLE5 = {
  one: TABLE3.dual.ours,
  two: { DSC: values(0.91, 0.889, 0.862, 0.887), MHD: values(0.165, 0.431, 0.493, 0.363) },
} as const

/** Slopes of the bias fields of Table 6. */
export const ALPHAS = [0.3, 0.5, 0.7, 0.9] as const

/**
 * Table 6: Pearson correlation of intensity and position, by role of the site, of the original and then for each slope.
 * The paper does not print that of the normalised original.
 */
export const TABLE6 = [
  [
    { degraded: 0.0271, normalized: null },
    { degraded: 0.256, normalized: 0.1192 },
    { degraded: 0.4264, normalized: 0.243 },
    { degraded: 0.5914, normalized: 0.4599 },
    { degraded: 0.7316, normalized: 0.5928 },
  ],
  [
    { degraded: -0.0199, normalized: null },
    { degraded: 0.0982, normalized: 0.0534 },
    { degraded: 0.1963, normalized: 0.1422 },
    { degraded: 0.3103, normalized: 0.2393 },
    { degraded: 0.4368, normalized: 0.3649 },
  ],
] as const

/** Table 7: Dice and the discriminator's accuracy in percent for each λ. */
export const TABLE7 = [
  { lambda: 0.1, meanDSC: 0.875, accTrain: 98.95, accTest: 34.49 },
  { lambda: 1.5, meanDSC: 0.866, accTrain: 44.1, accTest: 32.58 },
  { lambda: 5, meanDSC: 0.851, accTrain: 44.07, accTest: 28.58 },
] as const

/** λ of everything in the paper but Table 7. */
export const PAPER_LAMBDA = 1.5
