import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, openCommands, voxnormUntil } from './program.ts'
import { writeBids } from './specimens.ts'

const CONFIG = `preset: tiny
data: { table: bids, patch: 8, patchesPerSite: 40, validationPatchesPerSite: 16, voxelSize: 1 }
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 2, batch: 4, iterationsPerEpoch: 4, discriminatorSteps: 1, warmup: 2 }
`

describe.skipIf(!built || process.platform === 'win32')('signals (needs the build, not on Windows)', () => {
  const { voxnorm, close } = openCommands()
  let folder: string
  const at = (...parts: string[]) => path.join(folder, ...parts)
  const train = (run: string) => ['train', 'config.yaml', '-o', run, '--device', 'software']
  const metrics = (run: string) => {
    const text = existsSync(at(run, 'metrics.jsonl')) ? readFileSync(at(run, 'metrics.jsonl'), 'utf8') : ''
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => ({ ...JSON.parse(line), time: 0 }))
  }
  /** The folder's description of the model and its weights, without times. */
  const model = (run: string) => {
    const record = JSON.parse(readFileSync(at(run, 'model', 'model.json'), 'utf8'))
    record.training.validation.time = 0
    return [record, readFileSync(at(run, 'model', 'model.safetensors')).toString('base64')]
  }
  const temporary = () =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.tmp'))

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-e2e-'))
    await writeBids(at('bids'))
    writeFileSync(at('config.yaml'), CONFIG)
    const { code, err } = await voxnorm(folder, ...train('whole'))
    if (code !== 0) throw new Error(err)
  })
  afterAll(() => {
    close()
    rmSync(folder, { recursive: true, force: true })
  })

  // The fourth line is written just before the first validation, the seventh within the second epoch.
  it.each([
    ['SIGUSR1', 4, 75],
    ['SIGINT', 7, 130],
  ] as const)(
    'after %s at line %d a training ends with %d and goes on to the same bits',
    async (signal, n, code) => {
      expect(await voxnormUntil(folder, () => metrics(signal).length >= n, signal, ...train(signal))).toBe(
        code,
      )
      expect(metrics(signal).length).toBeLessThan(metrics('whole').length)
      for (const name of ['report.html', 'checkpoints/latest.safetensors', 'model/model.safetensors'])
        expect(existsSync(at(signal, name))).toBe(true)
      expect((await voxnorm(folder, ...train(signal), '--resume')).code).toBe(0)
      expect(model(signal)).toEqual(model('whole'))
      expect(metrics(signal)).toEqual(metrics('whole'))
    },
  )

  it('ends a prediction between two volumes, with those done complete', async () => {
    const words = [
      'predict',
      '-m',
      'whole',
      '-i',
      'bids',
      '-o',
      'out',
      '--stride',
      '1',
      '--device',
      'software',
    ]
    const done = () => existsSync(at('out', 'figures', 'sub-1.json'))
    expect(await voxnormUntil(folder, done, 'SIGTERM', ...words)).toBe(75)
    expect(existsSync(at('out', 'sub-1', 'anat', 'sub-1_dseg.nii.gz'))).toBe(true)
    expect(existsSync(at('out', 'sub-6'))).toBe(false)
    expect(temporary()).toEqual([])
  })

  it('takes a half-made phantom away', async () => {
    const begun = () => temporary().length > 0
    const words = ['synth', 'made', '--shape', '16,16,16']
    expect(await voxnormUntil(folder, begun, 'SIGINT', ...words)).toBe(130)
    expect(existsSync(at('made'))).toBe(false)
    expect(temporary()).toEqual([])
  })
})
