import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, makeWorkplace, openCommands, voxnormUntil } from './program.ts'

/** Settings that make every training of a reproduction a matter of seconds. */
const SMALL = [
  'data.patch=8',
  'data.voxelSize=5.9',
  'data.patchesPerSite=40',
  'data.validationPatchesPerSite=8',
  'model.base=2',
  'model.discriminator.base=2',
  'inference.stride=8',
].flatMap((setting) => ['--set', setting])

describe.skipIf(!built)('reproduce (needs the build)', () => {
  const { voxnorm, close } = openCommands()
  let place: ReturnType<typeof makeWorkplace>
  const at = (...parts: string[]) => path.join(place.folder, ...parts)
  const words = (out: string, ...experiments: string[]) => [
    'reproduce',
    ...experiments,
    ...['-o', out, '--data', 'data/dataset.tsv', '--budget', '1s', '--device', 'software'],
    ...SMALL,
  ]
  const results = (out: string) => JSON.parse(readFileSync(at(out, 'results.json'), 'utf8'))
  const records = (out: string) =>
    existsSync(at(out, 'measurements')) ? readdirSync(at(out, 'measurements')) : []

  beforeAll(async () => {
    place = makeWorkplace()
    const { code, err } = await voxnorm(place.folder, ...words('whole', 'table2', 'table4'))
    if (code !== 0) throw new Error(err)
  })
  afterAll(() => {
    close()
    place.remove()
  })

  it('writes results, tables, figures and a page that stands alone', () => {
    const { table2, table4, table7, findings } = results('whole')
    expect(table2.map((row: { train: string; test: string }) => `${row.train} ${row.test}`)).toEqual([
      'adult adult',
      'adult adult-bright',
      'adult-bright adult',
      'adult-bright adult-bright',
    ])
    expect(table2[0].published.mean).toBe(0.868)
    expect(table4[0].input).toBeGreaterThan(0)
    expect(table4[0].ours).toBeLessThanOrEqual(table4[0].bound)
    expect(table7).toEqual([])
    expect(findings.length).toBeGreaterThan(0)
    const header = readFileSync(at('whole', 'tables', 'table2.tsv'), 'utf8').split('\n')[0]!
    expect(header.split('\t')).toEqual(expect.arrayContaining(['train', 'test', 'mean', 'published_mean']))
    for (const number of [1, 2, 6, 7]) {
      expect(
        readFileSync(at('whole', 'figures', `figure${number}.png`))
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG')
      expect(readFileSync(at('whole', 'figures', `figure${number}.svg`), 'utf8')).toMatch(/^<svg /)
    }
    const page = readFileSync(at('whole', 'report.html'), 'utf8')
    expect(page).toContain('Table 2')
    expect(page.replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, '')).not.toMatch(/https?:|<script/)
  })

  it('does not train again what is trained, and adds experiments to what is there', async () => {
    const trained = (key: string) =>
      statSync(at('whole', 'runs', key, 'checkpoints', 'latest.safetensors')).mtimeMs
    const key = 'ours_adult-adult-bright_seed-42'
    const [run] = readdirSync(at('whole', 'runs')).filter((name) => name.startsWith('ours_'))
    expect(run).toBe(key.replace('adult-adult', 'adult+adult'))
    const before = trained(run!)
    const { code, err } = await voxnorm(place.folder, ...words('whole', 'table3'))
    expect(err).not.toMatch(/^error/m)
    expect(code).toBe(0)
    expect(trained(run!)).toBe(before)
    const { table2, table3 } = results('whole')
    expect(table2).toHaveLength(4)
    expect(table3.map((row: { method: string }) => row.method)).toEqual([
      'standardization',
      'nyul',
      'white-stripe',
      'preprocessor',
      'ours',
    ])
  })

  it('refuses to mix what was begun with other settings', async () => {
    const { code, err } = await voxnorm(
      place.folder,
      ...words('whole', 'table2').map((word) => (word === '1s' ? '2s' : word)),
    )
    expect(code).toBe(64)
    expect(err).toContain('was begun with budget 1s, not 2s')
  })

  it('refuses unknown experiments, unknown sites and a folder of something else', async () => {
    expect((await voxnorm(place.folder, ...words('new', 'table8'))).err).toContain(
      'there is no experiment "table8"',
    )
    const site = await voxnorm(place.folder, ...words('new', 'table2'), '--sites', 'adult,mars')
    expect([site.code, site.err]).toEqual([64, expect.stringContaining('mars, which is no site')])
    const foreign = await voxnorm(place.folder, ...words('data', 'table2'))
    expect([foreign.code, foreign.err]).toEqual([
      73,
      expect.stringContaining('this folder holds other things'),
    ])
    expect(existsSync(at('new', 'runs'))).toBe(false)
  })

  it.skipIf(process.platform === 'win32')('goes on after SIGTERM to the same results', async () => {
    const stopped = await voxnormUntil(
      place.folder,
      () => records('stopped').length >= 1,
      'SIGTERM',
      ...words('stopped', 'table2'),
    )
    expect(stopped).toBe(75)
    expect(existsSync(at('stopped', 'results.json'))).toBe(false)
    expect((await voxnorm(place.folder, ...words('stopped', 'table2'))).code).toBe(0)
    expect(results('stopped').table2).toEqual(results('whole').table2)
  })
})
