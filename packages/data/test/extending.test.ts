import {
  companionNames,
  FORMATS,
  type Format,
  LAYOUTS,
  type LayoutReader,
  makeVolume,
  prepareSubject,
  readLayout,
  readVolume,
  SCALINGS,
  type Scaling,
  type ScalingMethod,
  splitImageName,
} from '@voxnorm/data'
import { describe, expect, it } from 'vitest'

describe('a scaling that is a row of the table', () => {
  const halves: ScalingMethod<number> = {
    unitRange: false,
    greys: [0, 2],
    fit: (image, mask) =>
      image.reduce((most, value, voxel) => (mask[voxel]! > 0 && value > most ? value : most)),
    apply: (most) => (value) => (2 * value) / most,
  }
  const image = makeVolume([2, 2, 2], Float32Array.of(0, 0, 0, 0, 1, 2, 3, 4))
  const mask = makeVolume([2, 2, 2], Float32Array.of(0, 0, 0, 0, 1, 1, 1, 1))

  it('prepares subjects', () => {
    const scalings = { ...SCALINGS, halves }
    const volumes = { images: [{ file: 'a.nii', volume: image }], mask: { file: 'm.nii', volume: mask } }
    const subject = { id: 's', site: 'a' }
    const prepared = prepareSubject(subject, volumes, { scaling: 'halves' as Scaling }, scalings)
    expect([...prepared.image]).toEqual([0, 0, 0, 0, 0.5, 1, 1.5, 2])
  })
})

describe('a format that is a row of the table', () => {
  /** Two letters, the three sizes, and a byte for each voxel in another file. */
  const bytes: Format = {
    title: 'bytes',
    endings: ['.byt'],
    pairs: [{ header: '.bhd', voxels: '.bvx' }],
    recognise: (header, paired) => {
      if (String.fromCharCode(...header.subarray(0, 2)) !== 'BY') return undefined
      return paired ? 'header' : 'single'
    },
    read: ({ header, voxels, single }) => {
      const [, , x, y, z] = header as unknown as [number, number, number, number, number]
      return makeVolume([x, y, z], Float32Array.from(voxels.subarray(single ? 5 : 0)))
    },
  }
  const formats = { ...FORMATS, bytes }
  const header = [0x42, 0x59, 2, 1, 1]

  it('is read in one file and in two', () => {
    const single = readVolume(Uint8Array.of(...header, 7, 9), { name: 'a.byt' }, formats)
    expect([...single.data]).toEqual([7, 9])
    const companion = Uint8Array.of(7, 9)
    const pair = readVolume(Uint8Array.of(...header), { name: 'a.bhd', companion }, formats)
    expect(pair).toEqual(single)
  })

  it('has endings and companions, and a place in the message of files that nobody can read', () => {
    expect(splitImageName('b/a.BYT.gz', formats)).toEqual({ stem: 'a', ending: '.BYT.gz' })
    expect(companionNames('b/a.bhd', formats)).toEqual(['b/a.bvx', 'b/a.bvx.gz'])
    expect(() => readVolume(Uint8Array.of(1, 2, 3), { name: 'a.txt' }, formats)).toThrow(
      'a.txt: The file is not a NIfTI, Analyze, MGH or bytes image.',
    )
  })
})

describe('a layout that is a row of the table', () => {
  const flat: LayoutReader = {
    matches: ({ files }) => files.some((path) => /^[^/]+\.scan\.nii$/.test(path)),
    read: async ({ files }, { site = 'here' }) => ({
      subjects: files.map((path) => ({ id: path.split('.')[0]!, site, images: { T1w: path } })),
      warnings: [],
    }),
  }
  const tree = { name: 'data', files: ['inner/a.scan.nii', 'inner/b.scan.nii'], readText: async () => '' }

  it('is found in a folder and in the folders of a folder', async () => {
    const layouts = [...LAYOUTS, flat]
    const inner = { ...tree, files: ['a.scan.nii', 'b.scan.nii'] }
    expect((await readLayout(inner, {}, layouts)).subjects.map(({ id, site }) => [id, site])).toEqual([
      ['a', 'here'],
      ['b', 'here'],
    ])
    const { subjects } = await readLayout(tree, {}, layouts)
    expect(subjects.map(({ site, images }) => [site, images['T1w']])).toEqual([
      ['inner', 'inner/a.scan.nii'],
      ['inner', 'inner/b.scan.nii'],
    ])
    await expect(readLayout(tree)).rejects.toThrow('none of the known layouts')
  })
})
