import { gzipSync } from 'node:zlib'
import { type Affine, DataError, makeVolume, readVolume, type Volume, writeNifti } from '@voxnorm/data'
import { describe, expect, test } from 'vitest'

const RAMP = Float32Array.from({ length: 24 }, (_, index) => index - 5)
/** Voxels of 2, 3 and 4 mm with x from right to left. */
const PLACED: Affine = [-2, 0, 0, 30, 0, 3, 0, -20, 0, 0, 4, 5, 0, 0, 0, 1]

const image = (affine = PLACED) => writeNifti(makeVolume([2, 3, 4], RAMP, affine))
const read = (bytes: Uint8Array, name = 'scan.nii') => readVolume(bytes, { name })

/** The image with some bytes of its header changed. */
function changed(change: (header: DataView) => void): Uint8Array {
  const bytes = image()
  change(new DataView(bytes.buffer))
  return bytes
}

/** The image in metres or micrometres. */
function inUnit(code: number, factor: number): Uint8Array {
  return changed((header) => {
    header.setUint8(123, code | 8)
    const lengths = [80, 84, 88, 268, 272, 276, ...Array.from({ length: 12 }, (_, index) => 280 + 4 * index)]
    for (const at of lengths) header.setFloat32(at, header.getFloat32(at, true) * factor, true)
  })
}

const closeTo = (volume: Volume, affine: Affine) => {
  affine.forEach((value, index) => {
    expect(volume.affine[index]).toBeCloseTo(value, 4)
  })
}

describe('views into a larger memory', () => {
  test('every image is read by its own header, wherever in a pool it lies', () => {
    const [first, second] = [image(), writeNifti(makeVolume([4, 3, 2], RAMP, [...PLACED]))]
    const pool = Buffer.alloc(3 + first.length + second.length)
    pool.set(first, 3)
    pool.set(second, 3 + first.length)
    const views = [pool.subarray(3, 3 + first.length), pool.subarray(3 + first.length)]
    expect(views.map((view) => read(view).shape)).toEqual([
      [2, 3, 4],
      [4, 3, 2],
    ])
    for (const view of views) expect([...read(view).data]).toEqual([...RAMP])
    expect(read(new Uint8Array(pool.buffer, pool.byteOffset + 3, first.length)).shape).toEqual([2, 3, 4])
  })

  test('extensions do not change with the memory that they were read from', () => {
    const made = makeVolume([2, 3, 4], RAMP, PLACED)
    const extensions = [{ code: 6, data: new Uint8Array(8).fill(65) }]
    const bytes = Buffer.from(writeNifti({ ...made, header: { ...made.header, extensions } }))
    const { header } = read(bytes)
    bytes.fill(0)
    expect([...header.extensions[0]!.data]).toEqual(new Array(8).fill(65))
  })
})

describe('two forms', () => {
  const disagreeing = changed((header) => {
    header.setInt16(252, 3, true)
    header.setInt16(254, 1, true)
    header.setFloat32(268, 77, true)
  })

  test('the matrix counts whatever the code of the quaternion is, with a warning', () => {
    const volume = read(disagreeing)
    closeTo(volume, PLACED)
    expect(volume.header.warnings).toEqual([
      expect.stringMatching(/^qform and sform disagree by up to 47\.0 mm/),
    ])
  })

  test('an output says the same in both, and keeps their codes', () => {
    const output = read(writeNifti(read(disagreeing)))
    expect([output.header.qform.code, output.header.sform.code]).toEqual([3, 1])
    expect(output.header.warnings).toEqual([])
    const without = writeNifti(output)
    new DataView(without.buffer).setInt16(254, 0, true)
    closeTo(read(without), PLACED)
  })

  test('a matrix with shear, which has no quaternion, is written alone', () => {
    const sheared: Affine = [-2, 1, 0, 30, 0, 3, 0, -20, 0, 0, 4, 5, 0, 0, 0, 1]
    const bytes = image(sheared)
    new DataView(bytes.buffer).setInt16(252, 1, true)
    const { header } = read(bytes)
    expect([header.qform.code, header.sform.code]).toEqual([0, 1])
  })
})

describe('units', () => {
  test.each([
    ['metres', 1, 1e-3],
    ['micrometres', 3, 1e3],
  ])('%s are converted, with a warning, and an output is in millimetres', (name, code, factor) => {
    const volume = read(inUnit(code, factor))
    closeTo(volume, PLACED)
    expect(volume.header.warnings).toEqual([
      `The header gives its unit as ${name}; all lengths were converted to millimetres.`,
    ])
    const output = read(writeNifti(volume))
    expect(output.header.units).toBe(2 | 8)
    expect(output.header.warnings).toEqual([])
    closeTo(output, PLACED)
  })

  test.each([
    ['metres', 1],
    ['micrometres', 3],
  ])('%s that no voxel has are taken for millimetres, with a warning', (name, code) => {
    const volume = read(inUnit(code, 1))
    closeTo(volume, PLACED)
    expect(volume.header.warnings.join()).toMatch(
      new RegExp(`unit as ${name}, which would make voxels of .* mm; its numbers are used as millimetres`),
    )
  })
})

describe('what is not said', () => {
  test('an image without orientation is written without one', () => {
    const source = read(
      changed((header) => {
        header.setInt16(252, 0, true)
        header.setInt16(254, 0, true)
      }),
    )
    const output = read(writeNifti(source))
    expect([output.header.qform.code, output.header.sform.code]).toEqual([0, 0])
    expect(output.affine).toEqual(source.affine)
  })

  test('an MGH image without orientation keeps its place, but no code claims to be of a scanner', () => {
    const bytes = new Uint8Array(284 + 24)
    const header = new DataView(bytes.buffer)
    for (const [index, value] of [1, 2, 3, 4, 1, 0, 0].entries()) header.setInt32(4 * index, value)
    const source = read(bytes, 'scan.mgh')
    expect(source.header.warnings.join()).toContain('stores no orientation')
    const output = read(writeNifti(source))
    expect([output.header.qform.code, output.header.sform.code]).toEqual([2, 2])
    expect(output.affine).toEqual(source.affine)
  })
})

describe('Analyze', () => {
  const pair = (origin: readonly number[], littleEndian = true) => {
    const header = new DataView(new ArrayBuffer(348))
    header.setInt32(0, 348, littleEndian)
    for (const [index, size] of [3, 2, 3, 4].entries()) header.setInt16(40 + 2 * index, size, littleEndian)
    header.setInt16(70, 2, littleEndian)
    header.setInt16(72, 8, littleEndian)
    for (const [axis, size] of [2, 3, 4].entries()) header.setFloat32(80 + 4 * axis, size, littleEndian)
    for (const [axis, voxel] of origin.entries()) header.setInt16(253 + 2 * axis, voxel, littleEndian)
    const companion = Uint8Array.from({ length: 24 }, (_, index) => index)
    return readVolume(new Uint8Array(header.buffer), { name: 'scan.hdr', companion })
  }

  test.each([true, false])(
    'the origin of SPM, counted from 1, places the image (little-endian: %s)',
    (little) => {
      const source = pair([2, 1, 3], little)
      expect([...source.affine]).toEqual([-2, 0, 0, 2, 0, 3, 0, 0, 0, 0, 4, -8, 0, 0, 0, 1])
      expect(source.header.warnings.join()).toContain('origin but no directions')
      const output = read(writeNifti(source))
      expect(output.affine).toEqual(source.affine)
      expect([output.header.qform.code, output.header.sform.code]).toEqual([2, 2])
    },
  )

  test.each([[[0, 0, 0]], [[900, 1, 1]], [[-7, 1, 1]]])(
    'without an origin, or with one far away (%j), its middle is the origin and no form says so',
    (origin) => {
      const source = pair(origin)
      expect([...source.affine]).toEqual([-2, 0, 0, 1, 0, 3, 0, -3, 0, 0, 4, -6, 0, 0, 0, 1])
      expect(source.header.warnings.join()).toContain('stores no orientation')
      const output = read(writeNifti(source))
      expect([output.header.qform.code, output.header.sform.code]).toEqual([0, 0])
      expect(output.affine).toEqual(source.affine)
    },
  )
})

describe('what is no volume is called what it is', () => {
  const messageOf = (bytes: Uint8Array, name = 'x.nii') => {
    try {
      read(bytes, name)
    } catch (error) {
      expect(error).toBeInstanceOf(DataError)
      return (error as DataError).message
    }
    return 'it was read'
  }
  const withSizes = (...sizes: readonly number[]) =>
    changed((header) => {
      for (const [axis, size] of sizes.entries()) header.setInt16(42 + 2 * axis, size, true)
    })
  const text = (words: string) => new TextEncoder().encode(words)

  test.each([
    ['CIFTI', changed((header) => header.setInt16(68, 3006, true))],
    ['overlay', withSizes(-1, 1, 1)],
    ['overlay', withSizes(27307, 1, 6)],
    ['overlay', withSizes(2562, 1, 1)],
    ['GIFTI', text('<?xml version="1.0"?>\n<!DOCTYPE GIFTI>\n<GIFTI Version="1.0">')],
    ['surface', Uint8Array.of(0xff, 0xff, 0xfe, 10, 10, 0, 0)],
    ['overlay', Uint8Array.of(0xff, 0xff, 0xff, 0, 0, 1, 2)],
  ])('%s', (word, bytes) => {
    expect(messageOf(bytes)).toMatch(new RegExp(`^x\\.nii: This is an? .*${word}`))
    expect(messageOf(new Uint8Array(gzipSync(bytes)), 'x.nii')).toContain(word)
  })

  test('a header extension of CIFTI is enough', () => {
    const made = makeVolume([2, 3, 4], RAMP, PLACED)
    const extensions = [{ code: 32, data: text('<CIFTI Version="2"/>') }]
    expect(messageOf(writeNifti({ ...made, header: { ...made.header, extensions } }))).toContain('CIFTI')
  })

  test('thin volumes with rows of a scanner stay volumes', () => {
    expect(read(writeNifti(makeVolume([24, 1, 1], RAMP))).shape).toEqual([24, 1, 1])
  })
})

describe('sizes', () => {
  const huge = changed((header) => {
    for (const axis of [0, 1, 2]) header.setInt16(42 + 2 * axis, 30_000, true)
  })

  test('a header that asks for more than can be worked on is refused, packed or not', () => {
    for (const bytes of [huge, new Uint8Array(gzipSync(huge))])
      expect(() => read(bytes)).toThrow(/30000 x 30000 x 30000 voxels, and at most/)
  })

  test('an archive may not hold much more than its header says', () => {
    const whole = new Uint8Array(image().length + 2 ** 26 + 1)
    whole.set(image())
    expect(() => read(new Uint8Array(gzipSync(whole)))).toThrow('holds more than the')
  })

  test('bytes behind the voxels are told of, and padding is not', () => {
    const padded = new Uint8Array(image().length + 512)
    padded.set(image())
    expect(read(padded).header.warnings).toEqual([])
    padded[padded.length - 1] = 1
    expect(read(padded).header.warnings.join()).toContain('512 bytes behind the 2 x 3 x 4 voxels')
  })

  test('zeros behind an archive are padding, other bytes are damage', () => {
    const archives = [
      gzipSync(image()),
      Buffer.concat([gzipSync(image().subarray(0, 100)), gzipSync(image().subarray(100))]),
    ]
    for (const archive of archives) {
      for (const count of [1, 2, 3, 9, 512, 70_000]) {
        const padded = Buffer.concat([archive, Buffer.alloc(count)])
        expect([...read(padded).data], `${count} zeros`).toEqual([...RAMP])
      }
      const spoilt = Buffer.concat([archive, Buffer.alloc(40)])
      spoilt[archive.length + 20] = 7
      expect(() => read(spoilt)).toThrow('damaged')
      const cut = Buffer.concat([archive.subarray(0, archive.length - 12), Buffer.alloc(100)])
      expect(() => read(cut)).toThrow('damaged')
    }
  })
})
