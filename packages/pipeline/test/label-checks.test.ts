import type { AssignedSubject, PreparedSubject } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { assertTissuesOccur, conventionsOf, exchangeWarning } from '../src/training/label-checks.ts'

/** Eight voxels of two channels: the second is bright where the first is dark. */
const prepared = (id: string, label: readonly number[]): PreparedSubject => ({
  id,
  site: 'a',
  shape: [2, 2, 2],
  channels: 2,
  image: Float32Array.from([0, 0, 1, 1, 2, 2, 3, 3].flatMap((value) => [value / 3, 1 - value / 3])),
  label: Uint8Array.from(label),
  mask: new Uint8Array(8).fill(1),
  affine: [],
  brain: { source: 'file', litres: 1, pieces: 1, plausible: true },
  warnings: [],
})
const assigned = (id: string, more: Partial<AssignedSubject> = {}): AssignedSubject => ({
  id,
  site: 'a',
  split: 'train',
  images: {},
  ...more,
})
const BY_BRIGHTNESS = [0, 0, 1, 1, 2, 2, 3, 3]
/** The same, stored as 1, 2, 3 and read as GM, WM, CSF. */
const EXCHANGED = [0, 0, 2, 2, 3, 3, 1, 1]

describe('checks of training labels', () => {
  it('want every tissue in some training subject', () => {
    const subjects = [
      assigned('p', { labels: 'iseg' }),
      assigned('q', { labels: { CSF: [4], GM: [5], WM: [6] } }),
    ]
    const check = (...labels: (readonly number[])[]) =>
      assertTissuesOccur(
        labels.map((label, index) => prepared('pq'[index]!, label)),
        subjects,
        'd.tsv',
      )
    expect(() => check([0, 1, 1, 1, 0, 0, 0, 0], [0, 2, 3, 0, 0, 0, 0, 0])).not.toThrow()
    expect(() => check([0, 2, 2, 0, 0, 0, 0, 0], [0, 2, 2, 0, 0, 0, 0, 0])).toThrow(
      'd.tsv: no training subject has a voxel of CSF, WM in its brain, read by the label convention iseg, explicit map {"CSF":[4],"GM":[5],"WM":[6]}',
    )
  })

  it('tell the conventions of the training subjects, each once', () => {
    const map = { CSF: [1], GM: [2], WM: [3] }
    const subjects = [
      assigned('a', { labels: 'iseg' }),
      assigned('b'),
      assigned('c', { labels: { ...map } }),
      assigned('d', { labels: { ...map } }),
      assigned('e', { labels: 'paper', split: 'validation' }),
    ]
    expect(conventionsOf(subjects)).toEqual(['iseg', 'bids', map])
  })

  it('warn of labels that nobody explains when CSF is the brightest tissue of most T1w scans', () => {
    const warn = (
      channel: number,
      labels: readonly (readonly number[])[],
      more: Partial<AssignedSubject> = {},
    ) =>
      exchangeWarning(
        labels.map((label, index) => prepared(`p${index}`, label)),
        labels.map((_, index) => assigned(`p${index}`, more)),
        channel,
      )
    expect(warn(0, [EXCHANGED, EXCHANGED, BY_BRIGHTNESS])).toMatch(/in 2 of 3 T1w scans/)
    expect(warn(0, [EXCHANGED, BY_BRIGHTNESS])).toBeUndefined()
    expect(warn(0, [BY_BRIGHTNESS])).toBeUndefined()
    expect(warn(1, [BY_BRIGHTNESS])).toMatch(/in 1 of 1/)
    expect(warn(0, [EXCHANGED], { labels: 'bids' })).toBeUndefined()
  })
})
