import { describe, expect, it } from 'vitest'
import { DataError } from '../src/errors.ts'
import { scaleIntensities } from '../src/scaling.ts'

const IMAGE = Float32Array.of(2, 4, 9, 100, -3)
const MASK = Uint8Array.of(1, 1, 1, 0, 0)

describe('scaleIntensities', () => {
  it('divides by the maximum of the brain', () => {
    expect([...scaleIntensities(IMAGE, MASK, 'max')]).toEqual([2 / 9, 4 / 9, 1, 0, 0].map(Math.fround))
  })

  it('standardizes with the statistics of the brain', () => {
    const scaled = scaleIntensities(IMAGE, MASK, 'zscore')
    const deviation = Math.sqrt((9 + 1 + 16) / 3)
    expect([...scaled]).toEqual([-3 / deviation, -1 / deviation, 4 / deviation, 0, 0].map(Math.fround))
  })

  it('leaves its arguments alone', () => {
    scaleIntensities(IMAGE, MASK, 'max')
    expect([...IMAGE]).toEqual([2, 4, 9, 100, -3])
  })

  it('names an image that cannot be scaled', () => {
    expect(() => scaleIntensities(IMAGE, new Uint8Array(5), 'max', { file: 'a.nii' })).toThrow(DataError)
    expect(() => scaleIntensities(IMAGE, new Uint8Array(5), 'max', { file: 'a.nii' })).toThrow(
      'a.nii: The brain mask',
    )
    expect(() => scaleIntensities(new Float32Array(5), MASK, 'max', { file: 'a.nii' })).toThrow(
      'no intensities',
    )
    expect(() => scaleIntensities(new Float32Array(5).fill(7), MASK, 'zscore')).toThrow('no intensities')
  })
})
