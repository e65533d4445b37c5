import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { formatTable, makeLabelVolume, makeVolume, type Shape3 } from '@voxnorm/data'
import { writeVolumeFile } from '@voxnorm/data/node'
import { openDevice } from '@voxnorm/node'
import { TRUST_COLUMNS, trustRows } from '@voxnorm/pipeline'
import { countChanged } from '@voxnorm/pipeline/node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseArguments } from '../src/command-line.ts'
import { evaluate } from '../src/commands/evaluate.ts'
import { openLog } from '../src/progress.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-changed-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SHAPE: Shape3 = [4, 3, 2]
const AFFINE = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]

/** A dataset of one subject for each structure index, on two sites in turn, with its predictions. */
async function predictions(name: string, indices: readonly (number | undefined)[]) {
  const out = path.join(folder, name)
  mkdirSync(out)
  const rows = ['participant_id\tsite\tT1w\tlabel']
  for (const [at, structureIndex] of indices.entries()) {
    const labels = Uint8Array.from({ length: 24 }, (_, voxel) => (voxel + at) % 4)
    const image = makeVolume(
      SHAPE,
      Float32Array.from(labels, (label) => 100 * label * (at + 1)),
      AFFINE,
    )
    await writeVolumeFile(path.join(folder, `${name}${at}.nii`), image)
    await writeVolumeFile(path.join(folder, `${name}${at}_label.nii`), makeLabelVolume(SHAPE, labels, AFFINE))
    await writeVolumeFile(path.join(out, `${name}${at}_desc-norm.nii.gz`), image)
    await writeVolumeFile(path.join(out, `${name}${at}_dseg.nii.gz`), makeLabelVolume(SHAPE, labels, AFFINE))
    rows.push(`s${at}\t${at % 2 === 0 ? 'a' : 'b'}\t${name}${at}.nii\t${name}${at}_label.nii`)
    if (structureIndex === undefined) continue
    const structure = {
      modality: 'T1w',
      structureIndex,
      ssim: 1,
      gradientCorrelation: 1,
      edgeF1: 1,
      seamIndex: 1,
    }
    const trust = trustRows({ structure, classical: { segmenterVolumes: { CSF: 0, GM: 0, WM: 0 } } })
    writeFileSync(
      path.join(out, `${name}${at}_trust.tsv`),
      formatTable(
        TRUST_COLUMNS,
        trust.map((row) => ({ ...row })),
      ),
    )
  }
  const table = path.join(folder, `${name}.tsv`)
  writeFileSync(table, `${rows.join('\n')}\n`)
  return { out, table, segmentations: indices.map((_, at) => path.join(out, `${name}${at}_dseg.nii.gz`)) }
}

/** What `evaluate` says on stderr. */
async function said(words: readonly string[]): Promise<string> {
  let text = ''
  const write = (part: string) => {
    text += part
  }
  const log = openLog({ write, terminal: false, format: 'text', quiet: true, now: Date.now })
  await evaluate.run({
    arguments: parseArguments(evaluate, [...words, '--mask-from', 'positive']),
    log,
    words,
    openDevice,
  })
  return text
}

it('counts the predictions whose tables tell of a changed structure', async () => {
  const { segmentations } = await predictions('x', [0.97, 0.98, undefined, 0.5])
  expect(countChanged(segmentations)).toBe(2)
  expect(countChanged([path.join(folder, 'x_trust.tsv')])).toBe(0)
})

it('is told by evaluate beside the distances of the sites', async () => {
  const changed = await predictions('y', [0.97, 0.99])
  expect(await said(['-i', changed.out, '--reference', changed.table])).toContain(
    'In 1 of the normalised images the structure is not kept (structure index below 0.98)',
  )
  const kept = await predictions('z', [0.99, 0.985])
  expect(await said(['-i', kept.out, '--reference', kept.table])).not.toContain('structure')
})
