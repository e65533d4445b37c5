import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataError } from '../../src/errors.ts'
import { openStatedLabels, sidecarValue } from '../../src/node/stated-labels.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-stated-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (name: string, text: string) => {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}
const stated = (name: string) => openStatedLabels()(path.join(folder, name))
const FAST = 'index\tname\n0\tBackground\n1\tCSF\n2\tGray Matter\n3\tWhite Matter\n'
const FAST_MAP = { BG: [0], CSF: [1], GM: [2], WM: [3] }

describe('what is said about the numbers of a label file', () => {
  it('stands in its sidecar first, under its own name or that of the scan', () => {
    write('dseg.tsv', FAST)
    write('sub-1_dseg.json', '\uFEFF{"LabelConvention": "iseg"}')
    write('scan.json', '{"LabelConvention": {"CSF": [7], "GM": [8], "WM": [9]}}')
    expect(stated('sub-1_dseg.nii.gz')).toBe('iseg')
    expect(stated('scan_dseg.nii.gz')).toEqual({ CSF: [7], GM: [8], WM: [9] })
    expect(stated('other_dseg.nii.gz')).toEqual(FAST_MAP)
  })

  it('is a table beside it or above the folders of session and participant, and no further', () => {
    write('root/dseg.tsv', FAST)
    write('root/sub-1/ses-2/anat/sub-1_ses-2_T1w.nii', '')
    mkdirSync(path.join(folder, 'root/labels'))
    expect(stated('root/sub-1/ses-2/anat/sub-1_ses-2_dseg.nii')).toEqual(FAST_MAP)
    expect(stated('root/labels/s1.nii')).toBeUndefined()
    write('root/sub-1/dseg.tsv', 'index\tabbreviation\n4\tCSF\n5\tGM\n6\tWM\n')
    expect(stated('root/sub-1/ses-2/anat/sub-1_ses-2_dseg.nii')).toEqual({ CSF: [4], GM: [5], WM: [6] })
  })

  it('is a table whose entities are all in the name, the most special first', () => {
    write('desc-aseg_dseg.tsv', 'index\tname\n2\tLeft-Cerebral-White-Matter\n')
    mkdirSync(path.join(folder, 'sub-1'))
    expect(stated('sub-1/sub-1_dseg.nii')).toBeUndefined()
    expect(() => stated('sub-1/sub-1_desc-aseg_dseg.nii')).toThrow(DataError)
    write('dseg.tsv', FAST)
    write('desc-soft_dseg.tsv', 'index\tabbreviation\n4\tCSF\n5\tGM\n6\tWM\n')
    expect(stated('sub-1/sub-1_dseg.nii')).toEqual(FAST_MAP)
    expect(stated('sub-1/sub-1_desc-soft_dseg.nii')).toEqual({ CSF: [4], GM: [5], WM: [6] })
  })

  it('goes by the standard numbers of BIDS where names are of another language, and leaves out what is no tissue', () => {
    write('dseg.tsv', 'index\tname\tmapping\n1\tLiquor\t3\n2\tRinde\t1\n3\tMark\t2\n4\tKnochen\t4\n')
    expect(stated('a.nii')).toEqual({ CSF: [1], GM: [2], WM: [3] })
  })

  it('refuses a table that lacks a tissue and a convention that does not exist', () => {
    write('a/dseg.tsv', 'index\tname\n1\tGM\n2\tWM\n')
    expect(() => stated('a/x.nii')).toThrow(/does not give the numbers of CSF, GM and WM/)
    for (const value of ['"mars"', '{"CSF": [1]}', '7']) {
      write('b/x_dseg.json', `{"LabelConvention": ${value}}`)
      expect(() => stated('b/x_dseg.nii')).toThrow(DataError)
    }
  })

  it('is nothing in a sidecar that is no JSON object', () => {
    write('x_dseg.json', 'not json')
    write('x.json', '[1]')
    expect(sidecarValue(path.join(folder, 'x_dseg.nii'), 'Split')).toBeUndefined()
    expect(stated('x_dseg.nii')).toBeUndefined()
    expect(stated('nowhere/x_dseg.nii')).toBeUndefined()
  })
})
