import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError, DataError, OutputError } from '@voxnorm/data'
import { PRESETS } from '@voxnorm/pipeline/training'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Beginning, openWorkspace, type StoredPlan } from '../src/workspace.ts'

const BEGINNING: Beginning = {
  version: 1,
  data: ['d.tsv'],
  sites: ['a', 'b'],
  labels: 'bids',
  seed: 42,
  budget: '20m',
  set: [],
  adapter: 'one',
}
const PLAN: StoredPlan = {
  beginning: BEGINNING,
  experiments: ['table2'],
  seeds: 1,
  budget: {
    scale: {
      name: 'paper',
      config: PRESETS.paper,
      lambdaFactor: 1,
      testSubjects: Number.POSITIVE_INFINITY,
      probePatches: 4,
    },
    iterations: 100,
    secondsPerIteration: {},
  },
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-workspace-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('keeps plan and records, numbers without end and NaN as well', () => {
  const workspace = openWorkspace(folder, BEGINNING)
  expect(workspace.plan).toBeUndefined()
  workspace.writePlan(PLAN)
  workspace.writeRecord('measurements', 'x', { value: Number.NaN, list: [1, Number.NEGATIVE_INFINITY] })
  const again = openWorkspace(folder, BEGINNING)
  expect(again.plan).toEqual(PLAN)
  expect(again.readRecord('measurements', 'x')).toEqual({
    value: Number.NaN,
    list: [1, Number.NEGATIVE_INFINITY],
  })
  expect(again.readRecord('measurements', 'y')).toBeUndefined()
  expect(again.readRecord('examinations', 'x')).toBeUndefined()
})

it('refuses other data, sites, seeds, budgets and settings, but not another device', () => {
  openWorkspace(folder, BEGINNING).writePlan(PLAN)
  const others: Partial<Beginning>[] = [
    { data: ['e.tsv'] },
    { sites: ['b', 'a'] },
    { seed: 1 },
    { budget: '2h' },
    { set: ['model.base=8'] },
    { labels: 'paper' },
  ]
  for (const other of others)
    expect(() => openWorkspace(folder, { ...BEGINNING, ...other })).toThrow(ConfigError)
  expect(() => openWorkspace(folder, { ...BEGINNING, set: ['model.base=8'] })).toThrow(
    `was begun with set none, not model.base=8`,
  )
  expect(openWorkspace(folder, { ...BEGINNING, adapter: 'two' }).plan).toEqual(PLAN)
})

it('refuses a folder of something else, and takes one with a phantom only', () => {
  mkdirSync(path.join(folder, 'data'))
  expect(openWorkspace(folder, BEGINNING).plan).toBeUndefined()
  writeFileSync(path.join(folder, 'thesis.docx'), '')
  expect(() => openWorkspace(folder, BEGINNING)).toThrow(OutputError)
  expect(() => openWorkspace(path.join(folder, 'thesis.docx'), BEGINNING)).toThrow(OutputError)
})

it('removes what a kill left half written', () => {
  openWorkspace(folder, BEGINNING).writePlan(PLAN)
  writeFileSync(path.join(folder, 'measurements', '.x.json.123.tmp'), '{')
  mkdirSync(path.join(folder, '.data.123.tmp', 'sub-01'), { recursive: true })
  openWorkspace(folder, BEGINNING)
  expect(readdirSync(path.join(folder, 'measurements'))).toEqual([])
  expect(existsSync(path.join(folder, '.data.123.tmp'))).toBe(false)
  expect(existsSync(path.join(folder, 'plan.json'))).toBe(true)
})

it('names a damaged file', () => {
  const workspace = openWorkspace(folder, BEGINNING)
  writeFileSync(path.join(folder, 'measurements', 'x.json'), '{"run":')
  expect(() => workspace.readRecord('measurements', 'x')).toThrow(DataError)
})
