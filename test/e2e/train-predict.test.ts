import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { readVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, makeWorkplace, openCommands, voxnormUntil } from './program.ts'

describe.skipIf(!built)('train and predict (needs the build)', () => {
  const { voxnorm, close } = openCommands()
  let place: ReturnType<typeof makeWorkplace>
  const at = (...parts: string[]) => path.join(place.folder, ...parts)
  const train = (run: string, ...words: string[]) => [
    'train',
    'config.yaml',
    '-o',
    run,
    '--device',
    'software',
    ...words,
  ]
  const lines = (run: string) =>
    existsSync(at(run, 'metrics.jsonl'))
      ? readFileSync(at(run, 'metrics.jsonl'), 'utf8').split('\n').length - 1
      : 0
  const weights = (run: string) => readFileSync(at(run, 'model', 'model.safetensors'))

  beforeAll(async () => {
    place = makeWorkplace()
    const { code, err } = await voxnorm(place.folder, ...train('whole'))
    if (code !== 0) throw new Error(err)
  })
  afterAll(() => {
    close()
    place.remove()
  })

  it('fills the run folder, and nothing in it is temporary', () => {
    const files = readdirSync(at('whole'), { recursive: true }).map(String)
    expect(files).toEqual(
      expect.arrayContaining([
        'config.resolved.yaml',
        'environment.json',
        'dataset.json',
        'metrics.jsonl',
        'log.txt',
        'checkpoints/latest.safetensors',
        'checkpoints/best.safetensors',
        'model/model.safetensors',
        'model/model.json',
        'model/README.md',
        'report.html',
      ]),
    )
    expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([])
    const metrics = readFileSync(at('whole', 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(metrics.filter(({ kind }) => kind === 'step').map(({ iteration }) => iteration)).toEqual(
      Array.from({ length: 15 }, (_, index) => index + 1),
    )
    expect(metrics.filter(({ kind }) => kind === 'validation').map(({ iteration }) => iteration)).toEqual([
      5, 10, 15,
    ])
  })

  it('will not train into a folder that holds a run', async () => {
    const { code, err } = await voxnorm(place.folder, ...train('whole'))
    expect(code).toBe(73)
    expect(err).toContain('--resume')
  })

  it('resumes a run for one process at a time', async () => {
    const before = lines('whole')
    const holder = { command: 'train', host: hostname(), process: process.pid, since: '2026-01-02T03:04:05Z' }
    writeFileSync(at('whole', '.voxnorm-lock'), JSON.stringify(holder))
    const { code, err } = await voxnorm(
      place.folder,
      ...train('whole', '--resume', '--set', 'train.epochs=9'),
    )
    rmSync(at('whole', '.voxnorm-lock'))
    expect([code, lines('whole')]).toEqual([73, before])
    expect(err).toContain(`since 2026-01-02 03:04:05 UTC (process ${process.pid} on ${hostname()})`)
  })

  // The line is within the second epoch, which has no checkpoint yet.
  it('goes on after a kill to the same bits, and says when the adapter is another one', async () => {
    expect(await voxnormUntil(place.folder, () => lines('killed') >= 8, 'SIGKILL', ...train('killed'))).toBe(
      null,
    )
    const environment = () => JSON.parse(readFileSync(at('killed', 'environment.json'), 'utf8'))
    const begun = environment()
    const sessions = [{ ...begun.sessions[0], adapter: 'Another Device' }]
    writeFileSync(at('killed', 'environment.json'), JSON.stringify({ ...begun, sessions }))
    const { code, err } = await voxnorm(place.folder, ...train('killed', '--resume'))
    expect(code).toBe(0)
    expect(err).toContain(`the run goes on with ${begun.adapter}, and was with Another Device`)
    expect(environment().sessions).toMatchObject([{ adapter: 'Another Device' }, { adapter: begun.adapter }])
    expect(weights('killed').equals(weights('whole'))).toBe(true)
  })

  it('stops at the time limit with all outputs', async () => {
    const words = ['--set', 'train.timeLimit=1s', '--set', 'train.epochs=1000']
    expect((await voxnorm(place.folder, ...train('limited', ...words))).code).toBe(0)
    expect(existsSync(at('limited', 'report.html'))).toBe(true)
    expect(existsSync(at('limited', 'model', 'model.safetensors'))).toBe(true)
  })

  it('predicts the same bytes twice, on the grid of the input', async () => {
    const names = [
      'desc-norm_T1w.nii.gz',
      'dseg.nii.gz',
      'desc-norm_T1w.json',
      'volumes.tsv',
      'trust.tsv',
    ].map((name) => `sub-adult03_${name}`)
    const words = ['-m', 'whole', '-i', 'data/dataset.tsv', '--device', 'software', '--save-probabilities']
    for (const out of ['first', 'second']) {
      expect((await voxnorm(place.folder, 'predict', ...words, '-o', out)).code).toBe(0)
    }
    const folder = path.join('sub-adult03', 'anat')
    for (const name of names) {
      expect(readFileSync(at('first', folder, name)).equals(readFileSync(at('second', folder, name)))).toBe(
        true,
      )
    }
    const input = await readVolumeFile(at('data', folder, 'sub-adult03_T1w.nii.gz'))
    for (const name of names.slice(0, 2)) {
      const output = await readVolumeFile(at('first', folder, name))
      expect(output.affine).toEqual(input.affine)
      expect(output.shape).toEqual(input.shape)
    }
    expect(readdirSync(at('first')).filter((name) => name.startsWith('sub-'))).toEqual([
      'sub-adult03',
      'sub-adultbright03',
    ])
  })
})
