import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, DataError } from '../src/errors.ts'
import {
  fromInternal,
  LABEL_CONVENTIONS,
  labelConvention,
  segmentationRows,
  specificationOf,
  toInternal,
  toInternalOrIgnored,
} from '../src/labels.ts'

const BG = 0
const CSF = 1
const GM = 2
const WM = 3

function classesOf(name: string, ...numbers: number[]): number[] {
  return [...toInternal(numbers, labelConvention(name))]
}

describe('named conventions', () => {
  it.each([
    ['bids', [0, 1, 2, 3], [BG, GM, WM, CSF]],
    ['paper', [0, 1, 2, 3], [BG, CSF, GM, WM]],
    ['fsl-fast', [0, 1, 2, 3], [BG, CSF, GM, WM]],
    ['iseg', [0, 10, 150, 250], [BG, CSF, GM, WM]],
    ['mrbrains13', [0, 1, 2, 3, 4, 5, 6, 7, 8], [BG, GM, GM, WM, WM, CSF, CSF, BG, BG]],
    ['mrbrains13-testing', [0, 1, 2, 3], [BG, CSF, GM, WM]],
    [
      'freesurfer',
      [0, 2, 41, 77, 251, 255, 7, 46, 4, 5, 14, 15, 24, 43, 44, 72, 3, 42, 8, 17, 53, 1001, 2035],
      [BG, WM, WM, WM, WM, WM, WM, WM, CSF, CSF, CSF, CSF, CSF, CSF, CSF, CSF, GM, GM, GM, GM, GM, GM, GM],
    ],
    [
      'freesurfer-code',
      [0, 2, 41, 77, 253, 7, 46, 14, 15, 72, 4, 5, 24, 31, 43, 44, 63, 16, 28, 8, 30, 85, 1020, 122],
      [BG, WM, WM, WM, WM, BG, BG, BG, BG, BG, CSF, CSF, CSF, CSF, CSF, CSF, CSF, GM, GM, GM, GM, GM, GM, WM],
    ],
    ['freesurfer-cerebrum', [2, 7, 46, 8, 47, 16, 15, 1001], [WM, BG, BG, BG, BG, BG, CSF, GM]],
  ])('%s', (name, numbers, classes) => {
    expect(classesOf(name, ...numbers)).toEqual(classes)
  })

  it('writes numbers that read back as the same classes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...LABEL_CONVENTIONS), fc.array(fc.nat(3)), (name, labels) => {
        const convention = labelConvention(name)
        expect([...toInternal(fromInternal(labels, convention), convention)]).toEqual(labels)
      }),
    )
  })

  it('names the choices when a convention is unknown', () => {
    expect(() => labelConvention('isegg')).toThrow(ConfigError)
    expect(() => labelConvention('isegg')).toThrow('iseg, mrbrains13')
    expect(() => labelConvention('toString')).toThrow(ConfigError)
  })
})

describe('explicit maps', () => {
  it('map every listed number and default to background 0', () => {
    const convention = labelConvention({ CSF: [5, 6], GM: [9], WM: [70, 700] })
    expect([...toInternal(Float32Array.of(0, 5, 6, 9, 700), convention)]).toEqual([BG, CSF, CSF, GM, WM])
    expect([...fromInternal(Uint8Array.of(0, 1, 2, 3), convention)]).toEqual([0, 5, 9, 70])
    const large = labelConvention({ CSF: [5], GM: [9], WM: [700] })
    expect(() => fromInternal([3], large)).toThrow(ConfigError)
  })

  it.each([
    [{ CSF: [1], GM: [1], WM: [3] }, 'lists 1 for CSF and for GM'],
    [{ CSF: [1], GM: [2] }, 'no number for WM'],
    [{ CSF: [1.5], GM: [2], WM: [3] }, 'lists 1.5'],
    [{ CSF: [0], GM: [2], WM: [3] }, 'lists 0 for BG and for CSF'],
    [{ CSF: [1], GM: [2], WM: [3], ignore: [3] }, 'lists 3 for WM and as ignored'],
  ])('refuses %j', (map, message) => {
    expect(() => labelConvention(map)).toThrow(ConfigError)
    expect(() => labelConvention(map)).toThrow(message)
  })
})

describe('toInternal', () => {
  it('says which numbers do not belong, how often they occur and where', () => {
    const values = Float32Array.of(0, 1, 7, 7, 2, 9.5, Number.NaN, -1)
    const attempt = () => toInternal(values, labelConvention('paper'), 'sub-1_label.nii')
    expect(attempt).toThrow(DataError)
    expect(attempt).toThrow(
      'sub-1_label.nii: The label map holds 7 (2 voxels), 9.5 (1 voxels), NaN (1 voxels)',
    )
    expect(attempt).toThrow('-1 (1 voxels), but the convention paper knows only 0, 1, 2, 3')
  })

  it('forgives the rounding of a scaled header', () => {
    expect([...toInternal(Float32Array.of(149.9999, 250.0002), labelConvention('iseg'))]).toEqual([GM, WM])
  })
})

describe('voxels to be ignored', () => {
  const convention = labelConvention({ CSF: [1], GM: [2], WM: [3], ignore: [9] })

  it('are told apart, or refused where every voxel must have a class', () => {
    const { classes, ignored } = toInternalOrIgnored([0, 9, 2, 9], convention)
    expect([...classes]).toEqual([BG, BG, GM, BG])
    expect([...ignored!]).toEqual([0, 1, 0, 1])
    expect(toInternalOrIgnored([1, 3], convention).ignored).toBeUndefined()
    expect(() => toInternal([0, 9, 2, 9], convention, 'x.nii')).toThrow(
      'x.nii: The label map marks 2 voxels to be ignored (9)',
    )
    expect(() => toInternalOrIgnored([8, 9], convention)).toThrow('holds 8 (1 voxels)')
  })
})

describe('specificationOf', () => {
  it('says how files are to be read that were written in a convention', () => {
    expect(specificationOf(labelConvention('freesurfer'))).toBe('freesurfer')
    const own = specificationOf(labelConvention({ CSF: [5, 6], GM: [9], WM: [7] }))
    expect(own).toEqual({ BG: [0], CSF: [5], GM: [9], WM: [7] })
  })
})

describe('segmentationRows', () => {
  it('is the standard BIDS table for bids', () => {
    expect(
      segmentationRows(labelConvention('bids')).map(
        (row) => `${row.index} ${row.name} ${row.abbreviation} ${row.mapping}`,
      ),
    ).toEqual([
      '0 Background BG 0',
      '1 Gray Matter GM 1',
      '2 White Matter WM 2',
      '3 Cerebrospinal Fluid CSF 3',
    ])
  })

  it('maps other conventions to BIDS numbers', () => {
    expect(segmentationRows(labelConvention('iseg')).map((row) => [row.index, row.mapping])).toEqual([
      [0, 0],
      [10, 3],
      [150, 1],
      [250, 2],
    ])
  })
})
