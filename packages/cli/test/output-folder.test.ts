import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { labelConvention } from '@voxnorm/data'
import { writeFolderFiles } from '@voxnorm/pipeline'
import {
  assertFreeForOutput,
  assertFreeForScores,
  isPredictionFolder,
  openDiskSink,
} from '@voxnorm/pipeline/node'
import { assertFreeForReproduction } from '@voxnorm/reproduction'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { provenance } from '../../pipeline/test/prediction/examples.ts'

let folder: string
const at = (...parts: string[]) => path.join(folder, ...parts)
const put = (content: string | object, ...parts: string[]) => {
  mkdirSync(path.dirname(at(...parts)), { recursive: true })
  writeFileSync(at(...parts), typeof content === 'string' ? content : JSON.stringify(content))
}
const predictions = async (name: string) => {
  await writeFolderFiles(openDiskSink(at(name)), {
    provenance,
    convention: labelConvention('bids'),
    inputs: [],
  })
}
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-places-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('assertFreeForOutput', () => {
  const check = (name: string, ...inputs: string[]) =>
    assertFreeForOutput(at(name), { inputs: inputs.map((input) => at(input)), isOwn: isPredictionFolder })

  it('takes a new folder, an empty one, what a kill left, and its own', async () => {
    check('new')
    mkdirSync(at('empty'))
    check('empty')
    put('', 'empty', '.dataset_description.json.12.tmp')
    put('', 'empty', '.voxnorm-lock')
    check('empty')
    await predictions('own')
    check('own', 'elsewhere')
  })

  it('refuses a dataset and the folders in it that belong to others, and names its derivatives', () => {
    put({ Name: 'mine', BIDSVersion: '1.8.0' }, 'bids', 'dataset_description.json')
    put('', 'bids', 'sub-1', 'anat', 'sub-1_T1w.nii.gz')
    put({ GeneratedBy: [{ Name: 'voxnorm' }] }, 'bids', 'derivatives', 'made', 'dataset_description.json')
    const place = at('bids', 'derivatives', 'voxnorm')
    for (const name of ['bids', 'bids/sub-1/anat', 'bids/derivatives/made']) {
      expect(() => check(name)).toThrow(
        expect.objectContaining({ kind: 'output', fix: `write into ${place}` }),
      )
    }
    check('bids/derivatives/voxnorm')
  })

  it('refuses the folder of the input, also by another name, even where predict made it', async () => {
    await predictions('own')
    symlinkSync(at('own'), at('link'))
    expect(() => check('own', 'own')).toThrow(/the folder of the input/)
    expect(() => check('link', 'own')).toThrow(/the folder of the input/)
  })

  it('refuses files of others and a file in place of a folder', () => {
    put('', 'papers', 'thesis.tex')
    expect(() => check('papers')).toThrow(/not from this command \(thesis\.tex\)/)
    expect(() => check('papers/thesis.tex')).toThrow(/a file with the name/)
  })
})

describe('assertFreeForScores', () => {
  const check = (name: string, input: string) => assertFreeForScores(at(name), at(input), at('reference.tsv'))

  it('takes the folder of the predictions, also of another program, unless a table there is in the way', async () => {
    put('', 'others', 'a_dseg.nii.gz')
    check('others', 'others')
    put({ mean: {} }, 'others', 'summary.json')
    expect(() => check('others', 'others')).toThrow(/summary\.json: this file is in the way/)
    await predictions('own')
    check('own', 'own')
    put('participant_id\tmine\n', 'own', 'segmentation.tsv')
    expect(() => check('own', 'own')).toThrow(/segmentation\.tsv: this file is in the way/)
  })

  it('takes a folder with scores of an earlier call and no other', () => {
    const columns = 'participant_id site label dice hd95 hd mhd assd volume_mm3 reference_mm3'
    put(`${columns.replaceAll(' ', '\t')}\n`, 'scores', 'segmentation.tsv')
    put({ mean: {} }, 'scores', 'summary.json')
    check('scores', 'others')
    put('', 'notes', 'notes.txt')
    expect(() => check('notes', 'others')).toThrow(/not from this command/)
  })
})

describe('assertFreeForReproduction', () => {
  it('refuses a plan, data and figures that are not its own', () => {
    put({ weeks: 12 }, 'plan', 'plan.json')
    put('', 'pictures', 'figures', 'me.png')
    put('', 'scans', 'data', 'dataset.tsv')
    for (const name of ['plan', 'pictures', 'scans'])
      expect(() => assertFreeForReproduction(at(name))).toThrow(/holds other things/)
    put({ Name: 'Synthetic multi-site brains' }, 'scans', 'data', 'dataset_description.json')
    assertFreeForReproduction(at('scans'))
  })
})
