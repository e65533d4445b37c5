import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeVolume } from '@voxnorm/data'
import { loadSubject, openSubjectLoader, writeVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const OPTIONS = { scaling: 'max', maskFrom: 'positive', modalities: ['T1w'], margin: 0 } as const
const built = new URL('../../dist/node/index.js', import.meta.url)

let folder: string
const subject = (name: string) => ({
  id: name,
  site: 'a',
  images: { T1w: path.join(folder, `${name}.nii.gz`) },
})
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'voxnorm-loader-'))
  for (let index = 0; index < 6; index++) {
    const values = Float32Array.from({ length: 64 }, (_, voxel) => (voxel < 16 ? 0 : voxel * (index + 1)))
    await writeVolumeFile(subject(`s${index}`).images.T1w, makeVolume([4, 4, 4], values))
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ways = [
  ['without threads', async () => ({ openSubjectLoader })],
  ...(existsSync(built) ? [['as it is built', () => import(fileURLToPath(built))] as const] : []),
] as const

describe.each(ways)('openSubjectLoader %s', (_, module) => {
  it('loads what loadSubject does, in whatever order it is asked', async () => {
    const loader = (await module()).openSubjectLoader() as ReturnType<typeof openSubjectLoader>
    const names = ['s3', 's0', 's5', 's1', 's4', 's2', 's0']
    const loaded = await Promise.all(names.map((name) => loader.load(subject(name), OPTIONS)))
    for (const [index, name] of names.entries()) {
      expect(loaded[index]).toEqual(await loadSubject(subject(name), OPTIONS))
    }
    loader.close()
  })

  it('fails as loadSubject does, and goes on', async () => {
    const loader = (await module()).openSubjectLoader() as ReturnType<typeof openSubjectLoader>
    const names = ['s1', 'none', 's2', 'none', 's3', 'none', 's4', 'none', 's5']
    const results = await Promise.allSettled(names.map((name) => loader.load(subject(name), OPTIONS)))
    for (const [index, result] of results.entries()) {
      if (names[index] !== 'none') expect(result.status).toBe('fulfilled')
      else expect(result).toMatchObject({ reason: { name: 'MissingInputError', kind: 'missing-input' } })
    }
    loader.close()
  })
})

it.skipIf(!existsSync(built))('has threads where there are processors', async () => {
  const loader = (await import(fileURLToPath(built))).openSubjectLoader()
  expect(loader.threads).toBe(Math.min(os.availableParallelism(), 4))
  loader.close()
})
