import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  assertSameGrid,
  companionNames,
  DataError,
  gunzip,
  gzip,
  MissingInputError,
  makeLabelVolume,
  makeVolume,
  OutputError,
  splitImageName,
  toLabelVolume,
  writeNifti,
} from '@voxnorm/data'
import { readVolumeFile, writeVolumeFile } from '@voxnorm/data/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const volume = makeVolume(
  [2, 3, 4],
  Float32Array.from({ length: 24 }, (_, index) => index),
)

test('writes and reads .nii and .nii.gz, the same bytes every time and nothing else in the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxnorm-'))
  const paths = ['new/a.nii', 'new/b.nii.gz', 'new/c.nii.gz'].map((name) => join(folder, name))
  for (const path of paths) await writeVolumeFile(path, volume, { description: 'test' })
  for (const path of paths) expect((await readVolumeFile(path)).data).toEqual(volume.data)
  const [, b, c] = await Promise.all(paths.map((path) => readFile(path)))
  expect(b).toEqual(c)
  expect(new Uint8Array(gunzipSync(b!))).toEqual(writeNifti(volume, { description: 'test' }))
  expect((await readdir(join(folder, 'new'))).sort()).toEqual(['a.nii', 'b.nii.gz', 'c.nii.gz'])
})

test('says what is missing or in the way', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxnorm-'))
  await expect(readVolumeFile(join(folder, 'no.nii'))).rejects.toThrow(MissingInputError)
  await expect(readVolumeFile(folder)).rejects.toThrow('This is a folder')
  await writeFile(join(folder, 'file'), 'x')
  await expect(writeVolumeFile(join(folder, 'file', 'below.nii'), volume)).rejects.toThrow(OutputError)
  await expect(writeVolumeFile(folder, volume)).rejects.toThrow(OutputError)
  expect(await readdir(folder)).toEqual(['file'])
})

test('gunzip undoes gzip, also for several members in a row', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const both = Buffer.concat([gzip(a), gzip(b)])
      expect(Buffer.compare(gunzip(both, 'a.gz'), Buffer.concat([a, b]))).toBe(0)
    }),
  )
  const large = Uint8Array.from({ length: 700_000 }, (_, index) => (index * index) >> 5)
  expect(Buffer.compare(gunzip(gzip(large), 'large.gz'), large)).toBe(0)
  expect(Buffer.compare(gunzipSync(gzip(large)), large)).toBe(0)
})

test('a gzip archive that is cut off or damaged is refused where zlib refuses it', () => {
  const archive = gzip(Uint8Array.from({ length: 500 }, (_, index) => (index * 7919) >> 3))
  for (let length = 3; length < archive.length; length++) {
    expect(() => gunzip(archive.subarray(0, length), 'cut.gz'), `${length} bytes`).toThrow(DataError)
  }
  let refused = 0
  for (let index = 10; index < archive.length - 4; index++) {
    const damaged = archive.with(index, archive[index]! ^ 0x40)
    try {
      expect([...gunzipSync(damaged)]).toEqual([...gunzip(damaged, 'damaged.gz')])
    } catch {
      expect(() => gunzip(damaged, 'damaged.gz'), `byte ${index}`).toThrow(DataError)
      refused++
    }
  }
  expect(refused).toBeGreaterThan(140)
})

test('image names split into stem and ending, pairs find each other', () => {
  expect(splitImageName('/data/sub-01_T1w.nii.gz')).toEqual({ stem: 'sub-01_T1w', ending: '.nii.gz' })
  expect(splitImageName('a.b.MGZ')).toEqual({ stem: 'a.b', ending: '.MGZ' })
  expect(splitImageName('notes.txt')).toEqual({ stem: 'notes.txt', ending: '' })
  expect(companionNames('d/x.hdr')).toEqual(['d/x.img', 'd/x.img.gz'])
  expect(companionNames('d/x.IMG.GZ')).toEqual(['d/x.HDR.gz', 'd/x.HDR'])
  expect(companionNames('x.nii')).toEqual([])
})

test('label maps hold whole numbers and lie on the grid of their image', () => {
  expect([...toLabelVolume(volume, 'a.nii').data]).toEqual([...volume.data])
  const half = makeVolume([2, 1, 1], Float32Array.of(1, 0.5))
  expect(() => toLabelVolume(half, 'half.nii')).toThrow(/half\.nii: The label map holds 0\.5/)
  const labels = makeLabelVolume([2, 3, 5], new Uint8Array(30))
  expect(() => assertSameGrid(volume, labels, 'a.nii', 'l.nii')).toThrow(
    /l\.nii: The grid has shape 2 x 3 x 5 instead of 2 x 3 x 4/,
  )
})
