/** What a reader must know about a published number before comparing with it (docs/method.md#measures). */
export const CAVEATS = {
  table3:
    'The paper prints a "modified Hausdorff distance" in mm, but its values are far below what largest distances on a 1 mm grid can be; they fit an average surface distance (assd). MHD here is the largest distance of Eq. (5), assd stands beside the published column.',
  table4:
    'The published numbers are no divergences: the authors\' script averages along the wrong axis, takes a square root, and was given 15 (or 90) images before and 2 (or 3) after, which alone explains the drop. "legacy" is that formula on equal numbers of images; the proper divergence, which cannot exceed the bound, is the number to read.',
  table6:
    'Correlation in one axial slice, as in the paper; the value of the whole brain stands beside it. The generator was trained with bias fields of random slope on half of its patches.',
  table7:
    'Accuracy over real and generated patches together, in evaluation mode; always calling a patch generated gives 50 %. The authors counted the training accuracy in training mode. λ depends on the scale of the Dice loss, so "used λ" is what the runs had.',
  table2:
    'Published values stand beside the sites that take the roles of iSEG and MRBrainS; other scans at another scale cannot give the same numbers, only the same pattern.',
  table5:
    'The first row repeats Table 3. The second modality of the paper is T2 for iSEG and T2-FLAIR for MRBrainS.',
} as const

/** Sentences that end the page. */
export const GENERAL_CAVEATS = [
  "Few test subjects: an interval over two people says little, and Wilcoxon's test on n pairs cannot give a p below 2 / 2ⁿ.",
  'One seed unless several were asked for: differences of two hundredths of Dice are within its noise.',
  "The paper's adversarial term is also satisfied by a generator that changes nothing (the discriminator never learns the site of a generated patch), so the discriminator's accuracy does not prove that sites are alike; the independent classifier does.",
  'Histograms that agree do not prove that anatomy is kept; that is what the section on trust is about.',
  'For research; not for clinical use.',
] as const
