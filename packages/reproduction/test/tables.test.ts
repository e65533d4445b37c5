import { jensenShannonLegacy } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { EXPERIMENTS, keyOf, type Run, runsOf } from '../src/experiments.ts'
import type { Measurement } from '../src/measurement/records.ts'
import { drawFigures } from '../src/page/draw-figures.ts'
import { TABLE2, TABLE3, TABLE7 } from '../src/published.ts'
import type { Measured } from '../src/results/aggregate.ts'
import { comparisons } from '../src/results/comparisons.ts'
import { findings } from '../src/results/findings.ts'
import { resultsOf, resultsText, tableText } from '../src/results/results.ts'
import { table2, table3, table4, table6, table7 } from '../src/results/tables.ts'
import { measurementOf, STUDY } from './examples.ts'

/** Measurements of all runs; Dice by approach, lower abroad and for a larger λ. */
const ALL = new Map<string, Measurement>(
  EXPERIMENTS.flatMap((name) => runsOf(name, STUDY)).map((run) => {
    const base = {
      baseline: 0.8,
      standardization: 0.7,
      nyul: 0.72,
      'white-stripe': 0.71,
      preprocessor: 0.82,
      ours: 0.81,
    }[run.approach]
    const dice = (site: string) => (run.sites.includes(site) ? base - 0.01 * run.lambda : 0.4)
    return [keyOf(run), measurementOf(run, dice)]
  }),
)
const measured = (run: Run) => ALL.get(keyOf(run))

describe('the published numbers', () => {
  it('have means that are the means of their tissues, as far as the paper rounds', () => {
    const rows = [
      ...TABLE2,
      ...Object.values(TABLE3).flatMap((setting) => Object.values(setting).map(({ DSC }) => DSC)),
    ]
    for (const { CSF, GM, WM, mean } of rows) expect((CSF + GM + WM) / 3).toBeCloseTo(mean, 2)
  })
})

describe('Table 2', () => {
  it('has every pair of sites, with the published value for the roles of the first two', () => {
    const rows = table2(STUDY, measured)
    expect(rows).toHaveLength(9)
    expect(
      rows.map(({ train, test, published }) => [train, test, published?.mean ?? null]).slice(0, 4),
    ).toEqual([
      ['a', 'a', 0.868],
      ['a', 'b', 0.425],
      ['a', 'c', null],
      ['b', 'a', 0.313],
    ])
    const [home, abroad] = rows as [(typeof rows)[0], (typeof rows)[0]]
    expect(home.mean).toBeCloseTo(0.8, 12)
    expect(abroad.mean).toBeCloseTo(0.4, 12)
    expect([home.low, home.high]).toEqual([expect.closeTo(0.79, 12), expect.closeTo(0.81, 12)])
  })

  it('leaves out what was not measured', () => {
    expect(
      table2(STUDY, (run) => (run.sites[0] === 'b' ? measured(run) : undefined)).map(({ train }) => train),
    ).toEqual(['b', 'b', 'b'])
  })
})

describe('Table 3', () => {
  it('compares all methods on two sites and on all, the classical ones without a published value', () => {
    const rows = table3(STUDY, measured)
    expect(rows.map(({ setting, method }) => `${setting} ${method}`)).toEqual([
      'dual standardization',
      'dual nyul',
      'dual white-stripe',
      'dual preprocessor',
      'dual ours',
      'multi standardization',
      'multi nyul',
      'multi white-stripe',
      'multi preprocessor',
      'multi ours',
    ])
    expect(rows.filter(({ published }) => published === null).map(({ method }) => method)).toEqual([
      'nyul',
      'white-stripe',
      'nyul',
      'white-stripe',
    ])
  })

  it('tests every pair of methods of a setting once', () => {
    const rows = comparisons(STUDY, measured)
    expect(rows).toHaveLength(2 * 10)
    const pair = rows.find(
      ({ first, second, setting }) => first === 'ours' && second === 'standardization' && setting === 'dual',
    )!
    expect(pair.difference).toBeCloseTo(0.81 - 0.015 - 0.7, 12)
    // Four subjects, all differences of one sign: two of sixteen patterns are as extreme.
    expect(pair.p).toBeCloseTo(2 / 16, 12)
    expect(pair.adjusted).toBe(1)
  })
})

describe('Table 4', () => {
  it("has the proper divergence with its bound, and the script's number of the same images before and after", () => {
    const [dual, multi] = table4(STUDY, measured) as [
      ReturnType<typeof table4>[0],
      ReturnType<typeof table4>[0],
    ]
    expect(dual.bound).toBeCloseTo(Math.log(2), 12)
    expect(multi.bound).toBeCloseTo(Math.log(3), 12)
    expect([dual.input, dual.ours]).toEqual([expect.closeTo(0.4, 12), expect.closeTo(0.1, 12)])
    expect(dual.legacy.images).toBe(4)
    const oneBin = Array.from({ length: 256 }, (_, bin) => (bin === 3 ? 1 : 0))
    // One-bin histograms: only their number counts, (N / 16) √ln 256.
    expect(dual.legacy.input).toBeCloseTo(jensenShannonLegacy(Array.from({ length: 4 }, () => oneBin)), 12)
    expect(dual.legacy.input).toBeCloseTo((4 / 16) * Math.sqrt(Math.log(256)), 12)
  })
})

describe('Table 6', () => {
  it('averages the subjects of a site at each slope', () => {
    const [run] = runsOf('table6', STUDY)
    const point = (alpha: number, degraded: number) => ({
      alpha,
      degraded: { slice: degraded, volume: degraded / 2 },
      normalized: { slice: degraded / 4, volume: degraded / 8 },
    })
    const biasOf = (site: string, scale: number) => ({
      participant: `${site}${scale}`,
      site,
      points: [0, 0.3, 0.5, 0.7, 0.9].map((alpha) => point(alpha, alpha * scale)),
      profiles: [],
      planes: {} as never,
    })
    const measurement = measurementOf(run!, () => 0.8, {
      bias: [biasOf('a', 1), biasOf('a', 0.5), biasOf('b', 1)],
    })
    const rows = table6(STUDY, () => measurement)
    expect(rows).toHaveLength(10)
    expect(rows[4]).toMatchObject({
      alpha: 0.9,
      site: 'a',
      published: { degraded: 0.7316, normalized: 0.5928 },
    })
    expect(rows[4]!.degraded).toBeCloseTo(0.9 * 0.75, 12)
    expect(rows[4]!.normalized).toBeCloseTo((0.9 * 0.75) / 4, 12)
    expect(rows[0]).toMatchObject({ alpha: 0, published: { degraded: 0.0271, normalized: null } })
    expect(rows[5]).toMatchObject({ site: 'b', published: { degraded: -0.0199 } })
  })
})

describe('Table 7', () => {
  it('has the accuracy in percent and the λ that the runs had', () => {
    const rows = table7(STUDY, measured, 0.25)
    expect(rows.map(({ lambda }) => lambda)).toEqual(TABLE7.map(({ lambda }) => lambda))
    expect(rows[1]!.usedLambda).toBe(0.375)
    expect(rows[1]!.accTrain).toBeCloseTo(36, 12)
  })
})

describe('findings', () => {
  const results = resultsOf(EXPERIMENTS, STUDY, measured, 0.25, undefined)

  it('say what follows the paper', () => {
    const found = findings(results)
    expect(
      found.filter(({ experiment, verdict }) => experiment === 'table2' && verdict === 'follows'),
    ).toHaveLength(3)
    expect(
      found.filter(({ experiment, verdict }) => experiment === 'table7' && verdict === 'follows'),
    ).toHaveLength(3)
    expect(found.find(({ experiment }) => experiment === 'table4')!.sentence).toContain('from 0.400 to 0.100')
  })

  it('say what does not', () => {
    const worse = {
      ...results,
      table3: results.table3.map((row) =>
        row.method === 'ours' ? { ...row, DSC: { ...row.DSC, mean: 0.5 } } : row,
      ),
    }
    const verdicts = findings(worse)
      .filter(({ experiment }) => experiment === 'table3')
      .map(({ verdict }) => verdict)
    expect(verdicts).toEqual(['differs', 'differs', 'differs', 'differs'])
  })

  it('call no divergence a success where the structure is not kept', () => {
    const changed = {
      ...results,
      table4: results.table4.map((row) => ({
        ...row,
        structureIndex: { preprocessor: 0.99, ours: row.setting === 'dual' ? 0.91 : 0.985 },
      })),
      game: results.game.map((row) => ({ ...row, structureIndex: 0.9 })),
    }
    const found = findings(changed)
    const [dual, multi] = found.filter(({ experiment }) => experiment === 'table4')
    expect(dual).toMatchObject({
      verdict: 'noted',
      sentence: expect.stringMatching(/do not keep the structure \(.* 0\.910 with ours.* is no success\.$/),
    })
    expect(dual!.sentence).not.toContain('0.400')
    expect(multi!.verdict).toBe('follows')
    const game = found.filter(({ experiment }) => experiment === 'game')
    for (const { sentence } of game)
      expect(sentence).toMatch(/structure is not kept \(structure index 0\.900\)/)
    expect(game.map(({ sentence }) => sentence).join()).not.toContain('divergence')
    expect(
      findings(results)
        .filter(({ experiment }) => experiment === 'game')
        .every(({ sentence }) => sentence.includes('divergence 0.400 → 0.100')),
    ).toBe(true)
  })

  it('name a discriminator that gives one answer', () => {
    // Of two sites and what is generated: everything is called a patch of site b.
    const oneAnswer = [
      [0, 0.25, 0],
      [0, 0.25, 0],
      [0, 0.5, 0],
    ]
    const collapsed: Measured = (run) => {
      const measurement = measured(run)!
      const { discriminator } = measurement.patches
      if (discriminator === undefined) return measurement
      const test = { accuracy: 0.25, confusion: oneAnswer }
      return {
        ...measurement,
        patches: { ...measurement.patches, discriminator: { ...discriminator, test } },
      }
    }
    const found = findings(resultsOf(['table7', 'game'], STUDY, collapsed, 0.25, undefined))
    const sentences = (name: string) =>
      found.filter(({ experiment }) => experiment === name).map(({ sentence }) => sentence)
    const [, training, test] = sentences('table7')
    expect(training).not.toContain('collapsed')
    expect(test).toContain(
      'It has collapsed at λ = 0.1 (all taken for patches of b), λ = 1.5 (all taken for patches of b)',
    )
    expect(sentences('game')[0]).not.toContain('collapsed')
    expect(sentences('game')[1]).toContain(
      'it takes 100 % of the test patches for patches of b, whatever they are',
    )
    const drawn = drawFigures(['table7'], STUDY, collapsed, []).find(({ number }) => number === 9)!
    expect(drawn.caption).toContain(
      'collapsed to one answer at λ = 0.1 (test patches), λ = 1.5 (test patches)',
    )
  })

  it('are silent on experiments that were not asked for', () => {
    const only = resultsOf(['table2'], STUDY, measured, 1, undefined)
    expect(new Set(findings(only).map(({ experiment }) => experiment))).toEqual(new Set(['table2']))
  })
})

describe('files', () => {
  it('results.json has no NaN and the names of the contract', () => {
    const results = resultsOf(EXPERIMENTS, STUDY, measured, 0.25, undefined)
    const parsed = JSON.parse(resultsText({ ...results, findings: findings(results) }))
    expect(Object.keys(parsed)).toEqual([
      ...[
        'table2',
        'table3',
        'table4',
        'table5',
        'table6',
        'table7',
        'game',
        'trust',
        'comparisons',
        'findings',
      ],
    ])
    expect(Object.keys(parsed.table2[0])).toEqual(
      expect.arrayContaining(['train', 'test', 'CSF', 'GM', 'WM', 'mean', 'published']),
    )
    expect(Object.keys(parsed.table3[0])).toEqual(
      expect.arrayContaining(['setting', 'method', 'DSC', 'MHD', 'assd', 'published']),
    )
    expect(Object.keys(parsed.table4[0])).toEqual(
      expect.arrayContaining(['domains', 'input', 'preprocessor', 'ours', 'legacy', 'published']),
    )
    expect(Object.keys(parsed.table7[0])).toEqual(
      expect.arrayContaining(['lambda', 'meanDSC', 'accTrain', 'accTest', 'published']),
    )
    expect(parsed.table2[2].seedDeviation).toBeNull()
  })

  it('tables are flat, with n/a for what is missing', () => {
    const [header, first] = tableText([
      { name: 'x', inner: { a: 1.23456789 }, list: ['p', 'q'] },
      { name: 'y', other: 2 },
    ]).split('\n')
    expect(header).toBe('name\tinner_a\tlist\tother')
    expect(first).toBe('x\t1.23457\tp+q\tn/a')
  })
})
