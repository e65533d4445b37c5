import type { Shape3 } from '@voxnorm/data'
import type { PreviewInput } from '../../src/prediction/preview.ts'

/** A ball of three shells: CSF outside, then GM, then WM. */
export function ball(site: string, participant: string, offset: number): PreviewInput {
  const shape: Shape3 = [20, 24, 16]
  const raw = new Float32Array(20 * 24 * 16)
  const label = new Uint8Array(raw.length)
  for (let voxel = 0; voxel < raw.length; voxel++) {
    const [x, y, z] = [voxel % 20, Math.floor(voxel / 20) % 24, Math.floor(voxel / 480)]
    const radius = Math.hypot(x - 9.5, y - 11.5, z - 7.5)
    label[voxel] = radius < 3 ? 3 : radius < 5 ? 2 : radius < 7 ? 1 : 0
    raw[voxel] = label[voxel] === 0 ? 0 : offset + 0.2 * label[voxel]!
  }
  return {
    participant,
    site,
    split: 'validation',
    modality: 'T1w',
    shape,
    spacing: [1, 1, 2],
    raw,
    normalized: raw.map((value) => (value > 0 ? value - offset : 0)),
    rawRange: [0, 1],
    normalizedRange: [0, 1],
    mask: label.map((tissue) => (tissue > 0 ? 1 : 0)),
    predicted: label.map((tissue) => (tissue > 0 ? 1 : 0)),
    prediction: label,
    reference: label,
  }
}
