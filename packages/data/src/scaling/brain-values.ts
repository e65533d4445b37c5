/** The values where the mask is positive, ascending. */
export function sortedBrainValues(image: Float32Array, mask: Uint8Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(image.length)
  let count = 0
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel]! > 0) values[count++] = image[voxel]!
  }
  return values.subarray(0, count).sort()
}
