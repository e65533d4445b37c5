import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import {
  assertUsableImage,
  DataError,
  orientationCode,
  readVolume,
  toRas,
  VoxnormError,
  writeNifti,
} from '@voxnorm/data'
import { readVolumeFile } from '@voxnorm/data/node'
import { describe, expect, test } from 'vitest'

const FORMATS = '../shared/data/formats'
const shared = existsSync(FORMATS)

interface Expected {
  readonly shape: number[]
  readonly affine: number[][] | null
  readonly sha256_float32le_xfastest: string
  readonly samples?: { readonly ijk: [number, number, number]; readonly value: number }[]
}

const expected: Record<string, Expected> = shared
  ? JSON.parse(readFileSync(`${FORMATS}/expected.json`, 'utf8'))
  : {}
const corrupt: Record<'error' | 'error_or_documented_tolerance', string[]> = shared
  ? JSON.parse(readFileSync(`${FORMATS}/corrupt/EXPECT.json`, 'utf8'))
  : { error: [], error_or_documented_tolerance: [] }

function sha256(values: Float32Array): string {
  return createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')
}

async function errorOf(path: string): Promise<VoxnormError> {
  const error = await readVolumeFile(path).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error, `${path} should be refused`).toBeInstanceOf(VoxnormError)
  return error as VoxnormError
}

/** Readable formats, one volume, real numbers: everything else must be refused. */
const refused =
  /dim2_slice|dim4_3vols|dim5_vector3|rgb|complex|4d|nifti2\.nii\.gz|functional|test\.mgz|5D|\.mif|\.mnc|\.mha|\.nrrd/
const names = Object.keys(expected).filter((name) => !name.startsWith('orient/'))

describe.skipIf(!shared)('format specimens (needs ../shared)', () => {
  test.each(names.filter((name) => !refused.test(name)))(
    '%s has the expected grid and voxels',
    async (name) => {
      const want = expected[name]!
      const volume = await readVolumeFile(`${FORMATS}/${name}`)
      expect(volume.shape).toEqual(want.shape.slice(0, 3))
      want.affine?.flat().forEach((value, index) => {
        expect(volume.affine[index]).toBeCloseTo(value, 4)
      })
      for (const { ijk, value } of want.samples ?? []) {
        const [x, y, z] = ijk
        expect(volume.data[x + volume.shape[0] * (y + volume.shape[1] * z)]).toBeCloseTo(value, 5)
      }
      expect(sha256(volume.data)).toBe(want.sha256_float32le_xfastest)
    },
  )

  test.each(names.filter((name) => refused.test(name)))('%s is refused with one sentence', async (name) => {
    const error = await errorOf(`${FORMATS}/${name}`)
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).toContain(name)
    expect(error.fix).toBeTruthy()
  })

  test.each(corrupt.error)('corrupt/%s is refused', async (name) => {
    const error = await errorOf(`${FORMATS}/corrupt/${name}`)
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).toMatch(/^\S*corrupt\/\S+: [A-Z].*\.(\n {2}fix: .*\.)?$/)
  })

  test('damaged gzip archives are refused, an archive that is none is read as it is', async () => {
    expect((await errorOf(`${FORMATS}/corrupt/gzip_bad_crc.nii.gz`)).message).toContain('checksum')
    expect((await errorOf(`${FORMATS}/corrupt/gzip_garbage_tail.nii.gz`)).message).toContain('damaged')
    const plain = await readVolumeFile(`${FORMATS}/corrupt/not_gzip.nii.gz`)
    expect(sha256(plain.data)).toBe(expected['valid/n1_int16.nii']!.sha256_float32le_xfastest)
  })

  test.each(['bitpix_mismatch', 'pixdim_zero', 'pixdim_negative'])(
    '%s is tolerated with a warning',
    async (name) => {
      const volume = await readVolumeFile(`${FORMATS}/corrupt/${name}.nii`)
      expect(sha256(volume.data)).toBe(expected['valid/n1_int16.nii']!.sha256_float32le_xfastest)
      expect(volume.header.warnings.join()).toMatch(/bits per voxel|states voxels of/)
    },
  )

  test('warnings name disagreeing forms, missing orientation and odd units, and nothing else warns', async () => {
    const warnings = async (name: string) =>
      (await readVolumeFile(`${FORMATS}/valid/${name}`)).header.warnings
    expect((await warnings('forms_disagree_shear.nii')).join()).toMatch(
      /qform and sform disagree by up to [\d.]+ mm/,
    )
    expect((await warnings('no_forms.nii')).join()).toContain('no orientation')
    expect((await warnings('analyze75.hdr')).join()).toContain('no orientation')
    expect((await warnings('units_micron.nii')).join()).toContain('micrometres')
    for (const name of [
      'n1_int16.nii',
      'oblique.nii',
      'n2_be_int16.nii',
      'mgh_oblique.mgh',
      'las_qfac_minus1.nii',
    ]) {
      expect(await warnings(name), name).toEqual([])
    }
  })

  test('NaN and infinite voxels are kept but do not pass as a usable image', async () => {
    const volume = await readVolumeFile(`${FORMATS}/valid/nan_inf.nii`)
    expect(volume.data.some(Number.isNaN)).toBe(true)
    expect(() => assertUsableImage(volume, 'nan_inf.nii')).toThrow(/voxels are NaN or infinite/)
  })

  test.each([
    'n1_int16',
    'be_int16',
    'oblique',
    'las_qfac_minus1',
    'las_qform_only',
    'no_forms',
    'ext_comment',
    'sform_only',
  ])('an output for %s has the geometry bytes of its input', async (name) => {
    const path = `${FORMATS}/valid/${name}.nii`
    const input = new DataView(new Uint8Array(readFileSync(path)).buffer)
    const output = new DataView(writeNifti(await readVolumeFile(path)).buffer)
    const little = input.getInt32(0, true) === 348
    for (let at = 76; at < 108; at += 4) expect(output.getUint32(at, true)).toBe(input.getUint32(at, little))
    for (let at = 256; at < 328; at += 4) expect(output.getUint32(at, true)).toBe(input.getUint32(at, little))
    for (const at of [252, 254]) expect(output.getInt16(at, true)).toBe(input.getInt16(at, little))
    expect(output.getUint8(123)).toBe(input.getUint8(123))
    expect(output.getFloat32(108, true)).toBe(input.getFloat32(108, little))
  })

  test.each(['mgh_oblique.mgh', 'mgh_int16.mgz'])('%s becomes a NIfTI with both forms', async (name) => {
    const source = await readVolumeFile(`${FORMATS}/valid/${name}`)
    const output = readVolume(writeNifti(source), { name: 'output.nii' })
    expect([output.header.qform.code, output.header.sform.code, output.header.units]).toEqual([1, 1, 2])
    expect(output.header.warnings).toEqual([])
    output.affine.forEach((value, index) => {
      expect(value).toBeCloseTo(source.affine[index]!, 4)
    })
  })

  test('the 48 storage orders give the same RAS volume and come back unchanged', async () => {
    const files = readdirSync(`${FORMATS}/orient`)
    expect(files).toHaveLength(48)
    const want = expected['orient/*.nii.gz']!
    for (const file of files) {
      const stored = await readVolumeFile(`${FORMATS}/orient/${file}`)
      expect(orientationCode(stored.affine)).toBe(file.slice(0, 3))
      const { volume, restore } = toRas(stored)
      expect(volume.shape, file).toEqual(want.shape)
      expect(sha256(volume.data), file).toBe(expected['valid/n1_int16.nii']!.sha256_float32le_xfastest)
      want.affine!.flat().forEach((value, index) => {
        expect(volume.affine[index], file).toBeCloseTo(value, 3)
      })
      const back = restore(volume)
      expect(back.affine).toEqual(stored.affine)
      expect(back.header).toEqual(stored.header)
      expect(sha256(back.data), file).toBe(sha256(stored.data))
    }
  })
})
