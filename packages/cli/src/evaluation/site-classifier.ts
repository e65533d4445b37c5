/** One image as the classifier sees it. */
export interface ClassifiedImage {
  readonly site: string
  readonly features: readonly number[]
}

/**
 * Balanced accuracy of guessing the site of each image from the others: leave one out, nearest site mean.
 *
 * Features are divided by their pooled deviation within the sites of the other images. The classifier has no part in
 * training, so it is an independent judge: 1 when every image gives its site away, about 1 / K when none does. NaN
 * unless there are two sites with two images each.
 */
export function classifySites(images: readonly ClassifiedImage[]): number {
  const sites = [...new Set(images.map(({ site }) => site))].sort()
  const sizes = sites.map((name) => images.filter(({ site }) => site === name).length)
  if (sites.length < 2 || sizes.some((size) => size < 2)) return Number.NaN
  const correct = new Map(sites.map((site) => [site, 0]))
  for (const image of images) {
    const others = images.filter((other) => other !== image)
    if (nearestSite(image, others, sites) === image.site)
      correct.set(image.site, correct.get(image.site)! + 1)
  }
  return sites.reduce((sum, site, index) => sum + correct.get(site)! / sizes[index]!, 0) / sites.length
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
