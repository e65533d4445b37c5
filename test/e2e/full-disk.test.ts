import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { makeFolder } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mount, mountable } from './disk.ts'
import { built, openCommands } from './program.ts'
import { writeBids } from './specimens.ts'

const CONFIG = `preset: tiny
data: { table: bids, patch: 8, patchesPerSite: 16, validationPatchesPerSite: 8, voxelSize: 1 }
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 1, batch: 4, iterationsPerEpoch: 3, discriminatorSteps: 1, warmup: 1 }
`

describe.skipIf(!built || !mountable)('a full disk (needs the build, and the right to mount)', () => {
  const { voxnorm, close } = openCommands()
  let folder: string
  const at = (...parts: string[]) => path.join(folder, ...parts)
  const train = ['train', 'config.yaml', '--device', 'software']
  const filesBelow = (...parts: string[]) =>
    readdirSync(at(...parts), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)

  /** Puts an empty disk of this size under the name `small`. */
  const disk = (size: string) => {
    spawnSync('umount', [at('small')])
    if (!mount('-o', `size=${size}`, 'none', at('small'))) throw new Error('cannot mount')
  }
  const expectFull = ({ code, err }: { readonly code: number | null; readonly err: string }) => {
    expect(err).toMatch(/error: .*(no space left|disk is full)/)
    expect(code).toBe(74)
    expect(filesBelow('small').filter((name) => name.endsWith('.tmp'))).toEqual([])
  }

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-e2e-'))
    mkdirSync(at('small'))
    await writeBids(at('bids'))
    writeFileSync(at('config.yaml'), CONFIG)
    const { code, err } = await voxnorm(folder, ...train, '-o', 'whole')
    if (code !== 0) throw new Error(err)
  })
  afterAll(() => {
    close()
    spawnSync('umount', [at('small')])
    rmSync(folder, { recursive: true, force: true })
  })

  it('ends a training, which goes on to the same bits when there is room again', async () => {
    disk('200k')
    expectFull(await voxnorm(folder, ...train, '-o', 'small/run'))
    expect(filesBelow('small').filter((name) => name.endsWith('.safetensors'))).toEqual([])
    mount('-o', 'remount,size=20m', 'none', at('small'))
    expect((await voxnorm(folder, ...train, '-o', 'small/run', '--resume')).code).toBe(0)
    const weights = (run: string) => readFileSync(at(run, 'model', 'model.safetensors'))
    expect(weights('small/run').equals(weights('whole'))).toBe(true)
  })

  it('ends a prediction, a phantom, scores and reports, and leaves nothing half-written', async () => {
    const predict = ['predict', '-m', 'whole', '-i', 'bids', '--device', 'software', '-o']
    disk('16k')
    expectFull(await voxnorm(folder, ...predict, 'small/out'))
    expect(filesBelow('small').filter((name) => name.endsWith('.nii.gz'))).toEqual([])

    disk('16k')
    expectFull(await voxnorm(folder, 'synth', 'small/made', '--subjects', '1', '--shape', '24,28,22'))
    expect(readdirSync(at('small'))).toEqual([])

    expect((await voxnorm(folder, ...predict, 'out')).code).toBe(0)
    disk('4k')
    const scores = ['evaluate', '-i', 'out', '--reference', 'bids', '-o', 'small']
    expectFull(await voxnorm(folder, ...scores))
    expect(existsSync(at('small', 'summary.json'))).toBe(false)

    disk('1m')
    cpSync(at('out'), at('small', 'out'), { recursive: true })
    fill(at('small', 'filler'))
    expectFull(await voxnorm(folder, 'report', 'small/out'))
    expect(filesBelow('small').filter((name) => name.endsWith('.html'))).toEqual([])
  })
})

describe.skipIf(!mountable)('a read-only disk (needs the right to mount)', () => {
  it('is called so, also where folders have to be made', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-e2e-'))
    if (!mount('-o', 'size=16k,ro', 'none', folder)) throw new Error('cannot mount')
    try {
      expect(() => makeFolder(path.join(folder, 'deep', 'out'))).toThrow(/the file system is read-only/)
    } finally {
      spawnSync('umount', [folder])
      rmSync(folder, { recursive: true })
    }
  })
})

function fill(file: string): void {
  const page = Buffer.alloc(4096, 1)
  try {
    for (;;) writeFileSync(file, page, { flag: 'a' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
