import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openDevice } from '@voxnorm/node'
import { makePreview, PREDICTION, type Trust } from '@voxnorm/pipeline'
import { openDiskSink } from '@voxnorm/pipeline/node'
import { openRunFolder, PRESETS } from '@voxnorm/pipeline/training'
import { parseHTML } from 'linkedom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ball } from '../../pipeline/test/prediction/ball.ts'
import { parseArguments } from '../src/command-line.ts'
import { report } from '../src/commands/report.ts'
import { openLog } from '../src/progress.ts'

const SITES = ['Adult & <old>', 'infant']
let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-report-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const log = openLog({ write: () => {}, terminal: false, format: 'text', quiet: true, now: Date.now })
const run = (...words: string[]) =>
  report.run({ arguments: parseArguments(report, words), log, words, openDevice })

/** `warm` iterations of warm-up; cells of the confusion by what a patch is and is taken for. */
interface Course {
  readonly warm?: number
  readonly confusion?: (actual: string, predicted: string) => number
  readonly trust?: Trust
}

async function writeRun(
  at: string,
  { warm = 0, confusion = (a, b) => (a === b ? 0.25 : 0.04), trust }: Course = {},
): Promise<void> {
  const directory = await openRunFolder(openDiskSink(at))
  await directory.writeConfig(PRESETS.tiny)
  await directory.writeEnvironment({ adapter: 'SwiftShader', node: '20' })
  await directory.writeDataset({
    sites: SITES,
    modalities: ['T1w'],
    rows: SITES.map((site, index) => ({
      participant_id: `sub-${index}`,
      site,
      split: 'train',
      images: { T1w: 'a.nii' },
    })),
  })
  for (let iteration = 1; iteration <= 900; iteration++) {
    const common = { epoch: Math.ceil(iteration / 100) - 1, iteration, time: iteration }
    await directory.appendMetrics({
      ...common,
      kind: 'step',
      'loss.seg': 1 / iteration,
      'loss.dis.real': 0.6,
      'loss.dis.fake': 0.7,
      'loss.adv': -1,
      ...(iteration <= warm ? { 'loss.identity': 0.1 } : { 'loss.dis': 1.3 }),
    })
    if (iteration % 100 !== 0) continue
    await directory.appendMetrics({
      ...common,
      kind: 'validation',
      'loss.val': 0.3,
      'dice.CSF': 0.7,
      'dice.GM': 0.8,
      'dice.WM': 0.9,
      'dice.mean': iteration === 300 ? 0.81 : 0.8,
      [`dice.site.${SITES[0]}`]: 0.812,
      'dis.accuracy': 0.5,
      'jsd.input': 0.3,
      'jsd.generated': 0.1,
      ...Object.fromEntries(
        [...SITES, 'generated'].flatMap((a) =>
          [...SITES, 'generated'].map((b) => [`dis.confusion.${a}.${b}`, confusion(a, b)]),
        ),
      ),
    })
    await directory.appendMetrics({ ...common, kind: 'epoch', 'loss.seg': 1 / iteration })
  }
  for (const [index, site] of SITES.entries()) {
    await directory.writeFigure(
      `sub-${index}.json`,
      JSON.stringify(makePreview({ ...ball(site, `sub-${index}`, 0.1 * index), ...(trust && { trust }) })),
    )
  }
}

/** Nothing in the page may make a browser ask another place for anything. */
function expectSelfContained(html: string): void {
  const { document } = parseHTML(html)
  for (const element of document.querySelectorAll('[src], [href]')) {
    const target = element.getAttribute('src') ?? element.getAttribute('href') ?? ''
    expect(target).toMatch(/^(data:image\/png;base64,|#)/)
  }
  expect(document.querySelectorAll('script, link, iframe, object, embed')).toHaveLength(0)
  expect(html).not.toMatch(/url\(|@import/)
  expect(html.length).toBeLessThan(5_000_000)
}

describe('the report of a run', () => {
  it('shows curves, tables, slices, histograms and the confusion matrix from the files alone', async () => {
    const at = path.join(folder, 'run')
    await writeRun(at)
    const { document, exitCode } = await run(at)
    expect(exitCode).toBe(0)
    expect(document).toEqual({ files: [path.join(at, 'report.html')] })
    const html = readFileSync(path.join(at, 'report.html'), 'utf8')
    expectSelfContained(html)
    const page = parseHTML(html).document
    expect([...page.querySelectorAll('section')].map(({ id }) => id)).toEqual([
      'trust',
      'slices',
      'histograms',
      'dice',
      'curves',
      'confusion',
      'data',
      'config',
      'caveats',
    ])
    expect(page.querySelectorAll('#curves svg')).toHaveLength(5)
    expect(page.querySelectorAll('#histograms .moving svg')).toHaveLength(3)
    expect(page.querySelectorAll('#histograms .still svg')).toHaveLength(6)
    expect(page.querySelectorAll('#slices svg')).toHaveLength(2 * 3 * 4)
    // The input and the normalised image stand in the page once, whatever is drawn over them.
    expect(page.querySelectorAll('#slices image')).toHaveLength(2 * 3 * 2)
    expect(page.querySelectorAll('#slices .outline')).toHaveLength(2 * 3 * 2 * 3)
    expect([...page.querySelectorAll('#slices h3')].map(({ textContent }) => textContent)).toEqual([
      'Axial slice',
      'Coronal slice',
      'Sagittal slice',
    ])
    const tiles = page.querySelector('.tiles')!.textContent
    expect(tiles).toContain('0.300 → 0.100')
    expect(tiles).toContain('9epochs')
    expect(page.querySelector('#dice')!.textContent).toContain('0.812')
    expect(page.querySelector('#dice')!.textContent).toContain('best iteration (300)')
    expect(page.querySelector('#curves')!.textContent).toContain('calls everything generated')
    expect(page.querySelector('#config')!.textContent).toContain('preset: tiny')
    expect(html).toContain('prefers-color-scheme: dark')
    expect(html).toContain('Adult &amp; &lt;old&gt;')
    expect(html).not.toContain('<old>')
    const path900 = /d="(M[^"]+)" stroke="var\(--site1\)"/.exec(html)![1]!
    expect(path900.split('L').length).toBeLessThanOrEqual(400)
  })

  const pageOf = async (name: string, course: Course) => {
    const at = path.join(folder, name)
    await writeRun(at, course)
    await run(at)
    return parseHTML(readFileSync(path.join(at, 'report.html'), 'utf8')).document
  }

  it('begins with a discriminator that gives one answer, and names it at the matrix', async () => {
    const shares = { [SITES[0]!]: 0.25, [SITES[1]!]: 0.25, generated: 0.5 }
    const page = await pageOf('collapsed', { confusion: (a, b) => (b === 'generated' ? shares[a]! : 0) })
    expect(page.querySelector('section')!.id).toBe('notices')
    expect(page.querySelector('#notices')!.textContent).toContain(
      'The discriminator has collapsed: it takes 100 % of the validation patches for generated ones, whatever they are. Its accuracy of 50 %',
    )
    expect(page.querySelector('#confusion')!.textContent).toContain('This one has collapsed to one answer')
    const other = await pageOf('one-site', { confusion: (a, b) => (b === SITES[1] ? shares[a]! : 0) })
    expect(other.querySelector('#notices')!.textContent).toContain(
      `for patches of ${SITES[1]}, whatever they are`,
    )
  })

  it('begins with a training that ended in its warm-up, and compares no sites then', async () => {
    const page = await pageOf('warm', { warm: 900 })
    expect(page.querySelector('#notices')!.textContent).toContain(
      'ended after 900 iterations, within its warm-up',
    )
    expect(page.querySelector('.tiles')!.textContent).not.toContain('JSD')
    const waiting = await pageOf('waiting', {
      warm: 900,
      confusion: (_, b) => (b === 'generated' ? 1 / 3 : 0),
    })
    expect(waiting.querySelector('#notices')!.textContent).not.toContain('collapsed')
    const chosen = await pageOf('chosen', { warm: 300 })
    expect(chosen.querySelector('#notices')!.textContent).toContain(
      'are from iteration 300, within the warm-up',
    )
    const past = await pageOf('past', { warm: 299 })
    expect(past.querySelector('#notices')).toBeNull()
  })

  it('has no number for the sites at its top where the structure is not kept', async () => {
    const trust = (structureIndex: number): Trust => ({
      structure: {
        modality: 'T1w',
        structureIndex,
        ssim: 0.9,
        gradientCorrelation: 0.9,
        edgeF1: 0.9,
        seamIndex: 1,
      },
      classical: { segmenterVolumes: { CSF: 0, GM: 0, WM: 0 } },
    })
    const tiles = async (name: string, index: number) =>
      (await pageOf(name, { trust: trust(index) })).querySelector('.tiles')!.textContent
    expect(await tiles('kept', 0.99)).toContain('JSD')
    expect(await tiles('changed', 0.97)).not.toContain('JSD')
  })

  it('shows no image after where there is no generator', async () => {
    const at = path.join(folder, 'baseline')
    const directory = await openRunFolder(openDiskSink(at))
    await directory.writeConfig(PRESETS.tiny)
    await directory.writeDataset({ sites: ['a'], modalities: ['T1w'], rows: [] })
    const preview = makePreview({ ...ball('a', 'sub-0', 0.1), normalized: undefined })
    await directory.writeFigure('a.json', JSON.stringify(preview))
    await run(at)
    const page = parseHTML(readFileSync(path.join(at, 'report.html'), 'utf8')).document
    expect(
      [...page.querySelectorAll('#slices figcaption')].slice(0, 3).map((one) => one.textContent),
    ).toEqual(['input', 'segmentation', 'reference'])
    expect(page.querySelectorAll('#histograms svg')).toHaveLength(3)
  })

  it('needs no previews and no validation', async () => {
    const at = path.join(folder, 'young')
    const directory = await openRunFolder(openDiskSink(at))
    await directory.writeConfig(PRESETS.tiny)
    await directory.writeDataset({ sites: ['a'], modalities: ['T1w'], rows: [] })
    await run(at)
    const html = readFileSync(path.join(at, 'report.html'), 'utf8')
    expectSelfContained(html)
    expect(html).toContain('stored no previews')
  })
})

/** Says in a folder that `predict` made it. */
function describePrediction(at: string): void {
  writeFileSync(
    path.join(at, 'dataset_description.json'),
    JSON.stringify({ GeneratedBy: [{ Name: 'voxnorm', Description: PREDICTION }] }),
  )
}

describe('the report of predictions', () => {
  it('lists what was odd in the files of a subject, on its page and on that of the group', async () => {
    const at = path.join(folder, 'doubted')
    mkdirSync(path.join(at, 'figures'), { recursive: true })
    describePrediction(at)
    const doubt = 'odd.nii: The header says <nothing> of its orientation.'
    for (const [name, warnings] of [['odd', [doubt]] as const, ['good', []] as const]) {
      const preview = makePreview({ ...ball('a', name, 0.1), warnings })
      writeFileSync(path.join(at, 'figures', `${name}.json`), JSON.stringify(preview))
    }
    await run(at)
    const doubts = (page: string) =>
      [...parseHTML(readFileSync(path.join(at, page), 'utf8')).document.querySelectorAll('#warnings li')].map(
        (item) => item.textContent,
      )
    expect(doubts('odd.html')).toEqual([doubt])
    expect(doubts('group.html')).toEqual([doubt])
    expect(doubts('good.html')).toEqual([])
  })

  it('writes a page per subject and one for the group, with scores and volumes', async () => {
    const at = path.join(folder, 'out')
    mkdirSync(path.join(at, 'figures'), { recursive: true })
    SITES.forEach((site, index) => {
      writeFileSync(
        path.join(at, 'figures', `sub-${index}.json`),
        JSON.stringify(makePreview(ball(site, `sub-${index}`, 0.1))),
      )
    })
    writeFileSync(
      path.join(at, 'segmentation.tsv'),
      'participant_id\tsite\tlabel\tdice\nsub-0\ta\tGM\t0.87654321\n',
    )
    await expect(run(at)).rejects.toMatchObject({ kind: 'output' })
    expect(existsSync(path.join(at, 'group.html'))).toBe(false)
    describePrediction(at)
    // In a BIDS derivative the table lies with its subject.
    mkdirSync(path.join(at, 'sub-0', 'anat'), { recursive: true })
    writeFileSync(
      path.join(at, 'sub-0', 'anat', 'sub-0_volumes.tsv'),
      'index\tname\tn_voxels\tvolume_mm3\tvolume_soft_mm3\n1\tGM\t10\t10\t9.5\n',
    )
    const { document } = await run(at)
    expect(document).toEqual({
      files: ['sub-0.html', 'sub-1.html', 'group.html'].map((name) => path.join(at, name)),
    })
    const group = readFileSync(path.join(at, 'group.html'), 'utf8')
    expectSelfContained(group)
    expect(group).toContain('0.8765')
    expect(parseHTML(group).document.querySelector('#volumes')!.textContent).toContain('9.5')
    expectSelfContained(readFileSync(path.join(at, 'sub-0.html'), 'utf8'))
  })

  it('says when there is nothing to report', async () => {
    await expect(run(path.join(folder, 'nowhere'))).rejects.toMatchObject({ kind: 'missing-input' })
    mkdirSync(path.join(folder, 'empty'))
    await expect(run(path.join(folder, 'empty'))).rejects.toThrow(/there is nothing to report here/)
  })
})
