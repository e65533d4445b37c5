/** One image as the classifier sees it. */
export interface ClassifiedImage {
  readonly site: string
  readonly features: readonly number[]
}

/**
 * Balanced accuracy of guessing the site of each image from the others: leave one out, nearest site mean.
 *
 * Features are divided by their pooled deviation within the sites of the other images. The classifier has no part in
 * training, so it is an independent judge: 1 when every image gives its site away, about 1 / K when none does. Sites
 * with a single image are left out: nothing would be left to know them by. NaN unless two sites remain.
 *
 * A few images are enough for it, and it needs no seed. Patches, of which there are many, are judged by `probeSites` of
 * @voxnorm/data, with a permutation test (docs/method.md#independent-site-classifier).
 */
export function classifySites(all: readonly ClassifiedImage[]): number {
  const sites = classifiableSites(all.map(({ site }) => site))
  if (sites.length < 2) return Number.NaN
  const images = all.filter(({ site }) => sites.includes(site))
  const sizes = sites.map((name) => images.filter(({ site }) => site === name).length)
  const correct = new Map(sites.map((site) => [site, 0]))
  for (const image of images) {
    const others = images.filter((other) => other !== image)
    if (nearestSite(image, others, sites) === image.site)
      correct.set(image.site, correct.get(image.site)! + 1)
  }
  return sites.reduce((sum, site, index) => sum + correct.get(site)! / sizes[index]!, 0) / sites.length
}

/** The sites with two images or more, from the site of each image. */
export function classifiableSites(siteOfImages: readonly string[]): string[] {
  return [...countSites(siteOfImages)].flatMap(([site, count]) => (count > 1 ? [site] : [])).sort()
}

/** One sentence on what the classifier cannot judge and why; undefined when it judges every site. */
export function classifierLimit(siteOfImages: readonly string[]): string | undefined {
  const counts = [...countSites(siteOfImages)].sort(([a], [b]) => a.localeCompare(b))
  const alone = counts.flatMap(([site, count]) => (count > 1 ? [] : [site]))
  if (counts.length < 2 || alone.length === 0) return undefined
  if (counts.length - alone.length >= 2) {
    return `The site classifier leaves out ${alone.join(', ')}: it needs two subjects of a site, one to guess and one to know the site by.`
  }
  const found = counts.map(([site, count]) => `${site} ${count}`).join(', ')
  return `site_classifier_accuracy is n/a: with one subject a site, a classifier cannot tell the site from the person; it needs two sites with two subjects each (here: ${found}).`
}

function countSites(siteOfImages: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const site of siteOfImages) counts.set(site, (counts.get(site) ?? 0) + 1)
  return counts
}

function nearestSite(
  image: ClassifiedImage,
  others: readonly ClassifiedImage[],
  sites: readonly string[],
): string {
  const means = sites.map((name) => meanFeatures(others.filter(({ site }) => site === name)))
  const variances = image.features.map((_, feature) => {
    const squares = others.map(
      ({ site, features }) => (features[feature]! - means[sites.indexOf(site)]![feature]!) ** 2,
    )
    return squares.reduce((sum, square) => sum + square, 0) / others.length
  })
  // A feature that never varies inside a site would outweigh all others; the floor keeps it finite.
  const floor = 1e-6 + 1e-3 * Math.max(...variances)
  let best = sites[0]!
  let bestDistance = Number.POSITIVE_INFINITY
  sites.forEach((site, index) => {
    const distance = image.features.reduce(
      (sum, value, feature) =>
        sum + (value - means[index]![feature]!) ** 2 / Math.max(variances[feature]!, floor),
      0,
    )
    if (distance < bestDistance) {
      best = site
      bestDistance = distance
    }
  })
  return best
}

function meanFeatures(images: readonly ClassifiedImage[]): number[] {
  const { features } = images[0]!
  return features.map(
    (_, feature) => images.reduce((sum, image) => sum + image.features[feature]!, 0) / images.length,
  )
}
