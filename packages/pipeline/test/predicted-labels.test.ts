import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { formatTable, labelConvention, segmentationRows } from '@voxnorm/data'
import { afterAll, describe, expect, it } from 'vitest'
import { openPredictedLabels } from '../src/node/predicted-labels.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-labels-'))
const segmentation = path.join(folder, 'site', 'person', 'x_dseg.nii.gz')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('openPredictedLabels', () => {
  it('reads the numbers that predict wrote', () => {
    expect(openPredictedLabels(folder)(segmentation)).toBeUndefined()
    const rows = segmentationRows(labelConvention('iseg')).map((row) => ({ ...row }))
    writeFileSync(path.join(folder, 'dseg.tsv'), formatTable(['index', 'name', 'abbreviation'], rows))
    expect(openPredictedLabels(folder)(segmentation)).toEqual({ BG: [0], CSF: [10], GM: [150], WM: [250] })
  })

  it.each([
    'index\tname\n1\tGM\n',
    'index\tabbreviation\n0\tBG\n1\tGM\n2\tWM\n',
    'index\tabbreviation\n0\tBG\nx\tGM\n2\tWM\n3\tCSF\n',
  ])('refuses a table that does not tell them: %j', (text) => {
    writeFileSync(path.join(folder, 'dseg.tsv'), text)
    expect(() => openPredictedLabels(folder)(segmentation)).toThrow(
      expect.objectContaining({ remedy: 'label-table' }),
    )
  })
})
