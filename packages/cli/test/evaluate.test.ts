import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { makeLabelVolume, makeVolume, parseTable, type Shape3 } from '@voxnorm/data'
import { writeVolumeFile } from '@voxnorm/data/node'
import { openDevice } from '@voxnorm/node'
import {
  classifierLimit,
  classifySites,
  collectIntensities,
  harmonizationRows,
  type SubjectIntensities,
} from '@voxnorm/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseArguments } from '../src/command-line.ts'
import { evaluate } from '../src/commands/evaluate.ts'
import { openLog } from '../src/progress.ts'

const SHAPE: Shape3 = [5, 6, 4]
const COUNT = 120
const SPACING = [1, 2, 1.5] as const
const AFFINE = [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 1]
const BIDS = [0, 3, 1, 2]

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-evaluate-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const log = openLog({ write: () => {}, terminal: false, format: 'text', quiet: true, now: Date.now })
const run = (...words: string[]) =>
  evaluate.run({
    arguments: parseArguments(evaluate, [...words, '--mask-from', 'positive']),
    log,
    words,
    openDevice,
  })

/** Reproducible numbers in 0..1. */
function noise(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 2147483648
  }
}

interface Case {
  readonly id: string
  readonly site: string
  readonly image: Float32Array
  readonly normalized: Float32Array
  readonly prediction: Uint8Array
  readonly reference: Uint8Array
}

function makeCase(id: string, site: string, seed: number): Case {
  const random = noise(seed)
  const reference = Uint8Array.from({ length: COUNT }, () => Math.floor(random() * 4))
  const prediction = reference.map((label) => (random() < 0.2 ? Math.floor(random() * 4) : label))
  const scale = site === 'a' ? 100 : 300
  const image = Float32Array.from(reference, (label) =>
    label === 0 ? 0 : scale * (label + random()) * (site === 'a' ? 1 : label),
  )
  const normalized = Float32Array.from(reference, (label) => (label === 0 ? 0 : 0.2 * label + 0.1 * random()))
  return { id, site, image, normalized, prediction, reference }
}

const toBids = (labels: Uint8Array) => labels.map((label) => BIDS[label]!)

async function writeCases(name: string, cases: readonly Case[]): Promise<{ out: string; table: string }> {
  const data = path.join(folder, name, 'data')
  const out = path.join(folder, name, 'out')
  mkdirSync(data, { recursive: true })
  const rows = ['participant_id\tsite\tT1w\tlabel']
  for (const one of cases) {
    await writeVolumeFile(path.join(data, `${one.id}_T1w.nii.gz`), makeVolume(SHAPE, one.image, AFFINE))
    await writeVolumeFile(
      path.join(data, `${one.id}_label.nii.gz`),
      makeLabelVolume(SHAPE, toBids(one.reference), AFFINE),
    )
    await writeVolumeFile(
      path.join(out, `${one.id}_T1w_dseg.nii.gz`),
      makeLabelVolume(SHAPE, toBids(one.prediction), AFFINE),
    )
    await writeVolumeFile(
      path.join(out, `${one.id}_T1w_desc-norm.nii.gz`),
      makeVolume(SHAPE, one.normalized, AFFINE),
    )
    rows.push(`${one.id}\t${one.site}\t${one.id}_T1w.nii.gz\t${one.id}_label.nii.gz`)
  }
  const table = path.join(data, 'dataset.tsv')
  writeFileSync(table, `${rows.join('\n')}\n`)
  return { out, table }
}

const read = (file: string) => parseTable(readFileSync(file, 'utf8'), file)

/** Surface voxels as points in mm: those with a neighbour outside. */
function surface(labels: Uint8Array, label: number): number[][] {
  const at = (x: number, y: number, z: number) =>
    x < 0 || y < 0 || z < 0 || x >= 5 || y >= 6 || z >= 4 ? false : labels[x + 5 * (y + 6 * z)] === label
  const points: number[][] = []
  for (let z = 0; z < 4; z++)
    for (let y = 0; y < 6; y++)
      for (let x = 0; x < 5; x++) {
        const inside =
          at(x - 1, y, z) &&
          at(x + 1, y, z) &&
          at(x, y - 1, z) &&
          at(x, y + 1, z) &&
          at(x, y, z - 1) &&
          at(x, y, z + 1)
        if (at(x, y, z) && !inside) points.push([x * SPACING[0], y * SPACING[1], z * SPACING[2]])
      }
  return points
}

const nearestDistances = (from: number[][], to: number[][]) =>
  from.map((a) => Math.min(...to.map((b) => Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!))))

describe('evaluate', () => {
  const cases = [
    makeCase('s1', 'a', 1),
    makeCase('s2', 'a', 2),
    makeCase('s3', 'b', 3),
    makeCase('s4', 'b', 4),
  ]

  it('agrees with brute force on tiny volumes, in every table', async () => {
    const { out, table } = await writeCases('brute', cases)
    const target = path.join(folder, 'scores')
    const { exitCode, document, text } = await run('-i', out, '--reference', table, '-o', target)
    expect(exitCode).toBe(0)
    expect(text).toContain('dice')

    const segmentation = read(path.join(target, 'segmentation.tsv'))
    expect(segmentation.columns.join(' ')).toBe(
      'participant_id site label dice hd95 hd mhd assd volume_mm3 reference_mm3 split',
    )
    expect(segmentation.rows).toHaveLength(12)
    const summary = JSON.parse(readFileSync(path.join(target, 'summary.json'), 'utf8'))
    const dices: number[] = []
    cases.forEach(({ id, prediction, reference }, index) => {
      ;['CSF', 'GM', 'WM'].forEach((name, tissue) => {
        const label = tissue + 1
        const row = segmentation.rows.find(
          ({ cells }) => cells.participant_id === id && cells.label === name,
        )!.cells
        const predicted = prediction.filter((value) => value === label).length
        const actual = reference.filter((value) => value === label).length
        const hit = prediction.filter((value, voxel) => value === label && reference[voxel] === label).length
        const dice = (2 * hit) / (predicted + actual)
        expect(Number(row.dice)).toBeCloseTo(dice, 5)
        expect(Number(row.volume_mm3)).toBe(predicted * 3)
        expect(Number(row.reference_mm3)).toBe(actual * 3)
        const there = nearestDistances(surface(prediction, label), surface(reference, label))
        const back = nearestDistances(surface(reference, label), surface(prediction, label))
        const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
        expect(Number(row.hd)).toBeCloseTo(Math.max(...there, ...back), 4)
        expect(Number(row.assd)).toBeCloseTo((mean(there) + mean(back)) / 2, 4)
        const metrics = summary.metric_per_case[index].metrics[BIDS[label]!]
        expect(metrics).toMatchObject({
          TP: hit,
          FP: predicted - hit,
          FN: actual - hit,
          n_pred: predicted,
          n_ref: actual,
        })
        expect(metrics.TN).toBe(COUNT - predicted - actual + hit)
        expect(metrics.Dice).toBeCloseTo(dice, 10)
        if (name === 'GM') dices.push(dice)
      })
    })
    expect(summary.mean['1'].Dice).toBeCloseTo(dices.reduce((sum, dice) => sum + dice, 0) / 4, 10)
    expect(summary.foreground_mean.Dice).toBeCloseTo(
      (summary.mean['1'].Dice + summary.mean['2'].Dice + summary.mean['3'].Dice) / 3,
      10,
    )

    const harmonization = read(path.join(target, 'harmonization.tsv'))
    expect(harmonization.columns.join(' ')).toBe('measure site_a site_b tissue raw normalized')
    const value = (measure: string, tissue: string, stage: 'raw' | 'normalized') =>
      Number(
        harmonization.rows.find(({ cells }) => cells.measure === measure && cells.tissue === tissue)!.cells[
          stage
        ],
      )
    for (const [label, tissue] of [
      [1, 'CSF'],
      [2, 'GM'],
      [3, 'WM'],
    ] as const) {
      const pooled = (site: string, pick: (one: Case) => Float32Array) =>
        cases
          .filter((one) => one.site === site)
          .flatMap((one) => [...pick(one)].filter((_, voxel) => one.reference[voxel] === label))
      const scaled = ({ image }: Case) => image.map((v) => v / Math.max(...image))
      expect(value('wasserstein', tissue, 'raw')).toBeCloseTo(
        earthMover(pooled('a', scaled), pooled('b', scaled)),
        5,
      )
      const after = (one: Case) => one.normalized
      expect(value('wasserstein', tissue, 'normalized')).toBeCloseTo(
        earthMover(pooled('a', after), pooled('b', after)),
        5,
      )
      expect(value('jsd', tissue, 'normalized')).toBeCloseTo(
        divergence(pooled('a', after), pooled('b', after)),
        5,
      )
    }
    expect(value('jsd_bound', 'all', 'raw')).toBeCloseTo(Math.LN2, 5)
    expect(value('jsd', 'all', 'raw')).toBeLessThanOrEqual(Math.LN2)
    expect(value('site_classifier_chance', 'all', 'raw')).toBe(0.5)
    expect((document as { failures: unknown[] }).failures).toEqual([])
  })

  it('goes on after a bad file, names it in failures.tsv and ends with 1', async () => {
    const { out, table } = await writeCases('partial', cases.slice(0, 2))
    writeFileSync(path.join(out, 's1_T1w_dseg.nii.gz'), 'not an image')
    const { exitCode } = await run('-i', out, '--reference', table)
    expect(exitCode).toBe(1)
    const [row] = read(path.join(out, 'failures.tsv')).rows
    expect(row!.cells).toMatchObject({ participant_id: 's1', code: '65' })
    expect(read(path.join(out, 'segmentation.tsv')).rows).toHaveLength(3)
  })

  it('ends with the code of the mistake when nothing can be scored', async () => {
    const { out, table } = await writeCases('none', cases.slice(0, 1))
    writeFileSync(path.join(out, 's1_T1w_dseg.nii.gz'), 'not an image')
    await expect(run('-i', out, '--reference', table)).rejects.toMatchObject({ kind: 'data' })
    await expect(run('-i', path.join(folder, 'nowhere'), '--reference', table)).rejects.toMatchObject({
      kind: 'missing-input',
    })
    await expect(run('-i', path.dirname(table), '--reference', table)).rejects.toThrow(
      /no segmentation of any subject/,
    )
    await expect(run('-i', out, '--reference', table, '--labels', 'mars')).rejects.toMatchObject({
      kind: 'config',
    })
  })

  it('finds predictions of BIDS names in a derivative tree, with the numbers of its dseg.tsv', async () => {
    const { out, table } = await writeCases('bids', [makeCase('sub-01', 'a', 5)])
    const tree = path.join(folder, 'bids', 'tree')
    const one = makeCase('sub-01', 'a', 5)
    await writeVolumeFile(
      path.join(tree, 'sub-01/anat/sub-01_dseg.nii.gz'),
      makeLabelVolume(SHAPE, one.reference, AFFINE),
    )
    const dseg = 'index\tabbreviation\n0\tBG\n1\tCSF\n2\tGM\n3\tWM\n'
    writeFileSync(path.join(tree, 'dseg.tsv'), dseg)
    const { document } = await run('-i', tree, '--reference', table, '-o', path.join(out, 'scores'))
    expect((document as { segmentation: { dice: number }[] }).segmentation.map(({ dice }) => dice)).toEqual([
      1, 1, 1,
    ])
  })

  it('refuses to guess the numbers of a reference that fits another order of the tissues, until told', async () => {
    const { out, table } = await writeCases('order', cases)
    const data = path.dirname(table)
    const asFast = async (one: Case) =>
      await writeVolumeFile(
        path.join(data, `${one.id}_label.nii.gz`),
        makeLabelVolume(SHAPE, one.reference, AFFINE),
      )
    for (const one of cases) await asFast(one)
    const score = (...more: string[]) => run('-i', out, '--reference', table, ...more)
    await expect(score()).rejects.toMatchObject({ kind: 'data' })
    await expect(score()).rejects.toThrow(
      /\{CSF: 1, GM: 2, WM: 3\} \(paper, .*fsl-fast\)[\s\S]*--labels paper/,
    )
    const meanDice = async (...more: string[]) => {
      const { segmentation } = (await score(...more)).document as { segmentation: { dice: number }[] }
      return segmentation.reduce((sum, { dice }) => sum + dice, 0) / segmentation.length
    }
    const right = await meanDice('--labels', 'paper')
    expect(right).toBeGreaterThan(0.8)
    expect(await meanDice('--labels', '{CSF: 1, GM: [2, 9], WM: 3}')).toBe(right)
    expect(await meanDice('--labels', 'bids')).toBeLessThan(0.3)
    writeFileSync(path.join(data, 'dseg.tsv'), 'index\tname\n1\tCSF\n2\tGM\n3\tWM\n')
    expect(await meanDice()).toBe(right)
    // Now it is the predictions of which nothing says what their numbers mean.
    for (const { id, prediction } of cases) {
      const file = path.join(out, `${id}_T1w_dseg.nii.gz`)
      await writeVolumeFile(file, makeLabelVolume(SHAPE, prediction, AFFINE))
    }
    await expect(score()).rejects.toThrow(/numbers of the prediction[\s\S]*--label-convention paper/)
    expect(await meanDice('--label-convention', 'fsl-fast')).toBe(right)
    for (const { id } of cases) {
      writeFileSync(path.join(out, `${id}_T1w.json`), '{"LabelConvention": "fsl-fast"}')
    }
    expect(await meanDice()).toBe(right)
  })

  it('leaves voxels out of the scores that the reference says to ignore', async () => {
    const one = makeCase('s1', 'a', 7)
    const raw = path.join(folder, 'ignore', 'raw')
    mkdirSync(path.join(raw, 'imagesTr'), { recursive: true })
    const labels = { background: 0, CSF: 1, GM: 2, WM: 3, ignore: 4 }
    writeFileSync(path.join(raw, 'dataset.json'), JSON.stringify({ channel_names: { 0: 'T1' }, labels }))
    await writeVolumeFile(path.join(raw, 'imagesTr/s1_0000.nii.gz'), makeVolume(SHAPE, one.image, AFFINE))
    const left = (voxel: number) => voxel % 5 === 0
    const reference = one.reference.map((label, voxel) => (left(voxel) ? 4 : label))
    await writeVolumeFile(path.join(raw, 'labelsTr/s1.nii.gz'), makeLabelVolume(SHAPE, reference, AFFINE))
    const out = path.join(folder, 'ignore', 'out')
    await writeVolumeFile(
      path.join(out, 's1_0000_dseg.nii.gz'),
      makeLabelVolume(SHAPE, toBids(one.prediction), AFFINE),
    )
    await run('-i', out, '--reference', raw)
    const [{ metrics }] = JSON.parse(readFileSync(path.join(out, 'summary.json'), 'utf8')).metric_per_case
    for (const label of [1, 2, 3]) {
      const pairs = [...one.prediction].map((predicted, voxel) => [predicted, one.reference[voxel]!] as const)
      const counted = pairs.filter((_, voxel) => !left(voxel))
      const count = (predicted: boolean, actual: boolean) =>
        counted.filter(([p, a]) => (p === label) === predicted && (a === label) === actual).length
      expect(metrics[BIDS[label]!]).toMatchObject({
        TP: count(true, true),
        FP: count(true, false),
        FN: count(false, true),
        TN: count(false, false),
      })
    }
  })

  it('marks subjects that the model knows, by the sidecar before the reference, and says how many', async () => {
    const { out, table } = await writeCases('known', cases)
    const rows = readFileSync(table, 'utf8').trimEnd().split('\n')
    const splits = ['split', 'train', 'test', 'validation', 'n/a']
    writeFileSync(table, `${rows.map((line, index) => `${line}\t${splits[index]}`).join('\n')}\n`)
    writeFileSync(path.join(out, 's2_T1w.json'), '{"Split": "train"}')
    const { document, text } = await run('-i', out, '--reference', table)
    const told = read(path.join(out, 'segmentation.tsv')).rows.map(({ cells }) => cells.split)
    expect(told).toEqual(
      ['train', 'train', 'validation', undefined].flatMap((split) => [split, split, split]),
    )
    expect(text).toContain('Of the 4 scored subjects, 2 were in training and 1 validated it')
    expect(document).toMatchObject({ notes: [expect.stringContaining('2 were in training')] })
  })

  it('says why one subject a site is too few for the site classifier', async () => {
    const { out, table } = await writeCases('single', [makeCase('s1', 'a', 5), makeCase('s2', 'b', 6)])
    const { document, text } = await run('-i', out, '--reference', table)
    expect(text).toMatch(/site_classifier_accuracy is n\/a: with one subject a site/)
    expect(document).toMatchObject({ notes: [expect.stringContaining('a 1, b 1')] })
    const chance = read(path.join(out, 'harmonization.tsv')).rows.find(
      ({ cells }) => cells.measure === 'site_classifier_chance',
    )
    expect(chance).toBeDefined()
    expect(chance!.cells.raw).toBeUndefined()
  })

  it('scores labels, but compares no intensities, where it cannot tell the brain', async () => {
    const { out, table } = await writeCases('unstripped', [makeCase('p1', 'a', 3), makeCase('p2', 'b', 4)])
    const said: string[] = []
    const write = (text: string) => said.push(text)
    const listening = openLog({ write, terminal: false, format: 'text', quiet: true, now: Date.now })
    const words = ['-i', out, '--reference', table]
    const finished = await evaluate.run({
      arguments: parseArguments(evaluate, words),
      log: listening,
      words,
      openDevice,
    })
    expect(finished.exitCode).toBe(0)
    expect(finished.document).toMatchObject({ harmonization: [], failures: [] })
    expect(read(path.join(out, 'segmentation.tsv')).rows).toHaveLength(6)
    expect(said.filter((line) => /skull does not seem to be stripped.*--mask-from/.test(line))).toHaveLength(
      2,
    )
  })

  it('refuses a prediction on another grid', async () => {
    const { out, table } = await writeCases('grid', [makeCase('s1', 'a', 5)])
    const small = makeLabelVolume([4, 6, 4], new Uint8Array(96), AFFINE)
    await writeVolumeFile(path.join(out, 's1_T1w_dseg.nii.gz'), small)
    await expect(run('-i', out, '--reference', table)).rejects.toMatchObject({ kind: 'data' })
  })
})

/** By sorting and comparing at the steps of both quantile functions. */
function earthMover(a: readonly number[], b: readonly number[]): number {
  const cuts = [...new Set([...a.map((_, i) => i / a.length), ...b.map((_, i) => i / b.length), 1])].sort(
    (x, y) => x - y,
  )
  const sortedA = a.toSorted((x, y) => x - y)
  const sortedB = b.toSorted((x, y) => x - y)
  let total = 0
  for (let i = 0; i + 1 < cuts.length; i++) {
    const middle = (cuts[i]! + cuts[i + 1]!) / 2
    total +=
      (cuts[i + 1]! - cuts[i]!) *
      Math.abs(sortedA[Math.floor(middle * a.length)]! - sortedB[Math.floor(middle * b.length)]!)
  }
  return total
}

function divergence(a: readonly number[], b: readonly number[]): number {
  const share = (values: readonly number[]) => {
    const bins = new Array<number>(256).fill(0)
    for (const value of values) bins[Math.min(255, Math.floor(value * 256))]! += 1 / values.length
    return bins
  }
  const [p, q] = [share(a), share(b)]
  const relative = (x: number[], y: number[]) =>
    x.reduce((sum, value, i) => (value > 0 ? sum + value * Math.log(value / y[i]!) : sum), 0)
  const middle = p.map((value, i) => (value + q[i]!) / 2)
  return (relative(p, middle) + relative(q, middle)) / 2
}

describe('harmonizationRows', () => {
  const values = (offset: number) => Float32Array.from({ length: 50 }, (_, index) => offset + index / 500)
  const regions = (offset: number) => ({
    all: values(offset),
    CSF: values(offset),
    GM: values(offset),
    WM: values(offset),
  })
  const subject = (site: string, raw: number): SubjectIntensities => ({
    site,
    raw: regions(raw),
    normalized: regions(0.5),
    painted: regions(0.2),
  })

  it('has a row for all sites and for every pair, with the bound of each', () => {
    const rows = harmonizationRows(['a', 'b', 'c'].map((site, index) => subject(site, 0.3 * index)))
    expect(
      rows
        .filter(({ measure, tissue }) => measure === 'jsd' && tissue === 'GM')
        .map(({ site_a, site_b }) => site_a + site_b),
    ).toEqual(['allall', 'ab', 'ac', 'bc'])
    for (const { measure, raw, normalized, site_a } of rows) {
      if (measure === 'jsd') expect(raw).toBeCloseTo(Math.log(site_a === 'all' ? 3 : 2), 10)
      if (measure === 'jsd' || measure === 'wasserstein') expect(normalized).toBe(0)
    }
    const distance = rows.find(
      ({ measure, site_a, site_b }) => measure === 'wasserstein' && site_a === 'a' && site_b === 'c',
    )
    expect(distance!.raw).toBeCloseTo(0.6, 6)
    expect(rows.find(({ measure }) => measure === 'jsd_in_tissues')).toMatchObject({ normalized: 0 })
  })

  it('knows what anatomy alone tells of the site', () => {
    // The same three greys everywhere, but site b has much more of the first.
    const labels = (csf: number) => Uint8Array.from({ length: 100 }, (_, i) => (i < csf ? 1 : i % 2 ? 2 : 3))
    const scan = (site: string, csf: number) => {
      const image = Float32Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) / 100)
      return collectIntensities(site, image, image, new Uint8Array(100).fill(1), labels(csf))
    }
    const floorOf = (subjects: SubjectIntensities[]) =>
      harmonizationRows(subjects).find(({ measure }) => measure === 'site_classifier_floor')!.normalized
    expect(floorOf([scan('a', 10), scan('a', 12), scan('b', 60), scan('b', 62)])).toBe(1)
    expect(floorOf([scan('a', 10), scan('a', 60), scan('b', 10), scan('b', 60)])).toBeLessThan(0.6)
    expect([...new Set(scan('a', 10).painted.all)].sort()).toEqual([...new Float32Array([0.2, 0.5, 0.8])])
    expect(new Set(scan('a', 10).painted.GM)).toEqual(new Set(new Float32Array([0.5])))
  })

  it('says nothing about one site', () => {
    expect(harmonizationRows([subject('a', 0), subject('a', 0.1)])).toEqual([])
  })
})

describe('classifySites', () => {
  const image = (site: string, value: number) => ({ site, features: [value, 7] })

  it('is 1 for sites far apart, low for sites that cannot be told apart, undefined for too few', () => {
    const apart = [image('a', 0), image('a', 0.1), image('b', 1), image('b', 1.1)]
    expect(classifySites(apart)).toBe(1)
    const alike = [image('a', 0), image('a', 1), image('b', 0), image('b', 1)]
    expect(classifySites(alike)).toBeLessThanOrEqual(0.5)
    expect(classifySites(apart.slice(0, 3))).toBeNaN()
  })

  it('leaves out sites with one image, and says what it cannot judge', () => {
    const apart = [image('a', 0), image('a', 0.1), image('b', 1), image('b', 1.1)]
    const sitesOf = (images: readonly { site: string }[]) => images.map(({ site }) => site)
    expect(classifySites([...apart, image('c', 1.05)])).toBe(1)
    expect(classifierLimit(sitesOf(apart))).toBeUndefined()
    expect(classifierLimit([...sitesOf(apart), 'c'])).toMatch(/leaves out c: it needs two subjects/)
    expect(classifierLimit(['b', 'a', 'a'])).toMatch(/is n\/a.*\(here: a 2, b 1\)\.$/)
    expect(classifierLimit(['a'])).toBeUndefined()
  })

  it('weighs sites, not images', () => {
    const many = [
      image('a', 0),
      image('a', 0.1),
      image('a', 0.05),
      image('a', 0.07),
      image('b', 1),
      image('b', 0.06),
      image('b', 1.1),
    ]
    expect(classifySites(many)).toBeCloseTo((1 + 2 / 3) / 2, 10)
  })
})
