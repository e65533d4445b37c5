import { NIFTI_LAYOUT } from './nifti-header.ts'
import type { AnyVolume, HeaderExtension, ImageHeader } from './volume.ts'

/** What a written image says besides its voxels and its geometry. */
export interface WriteOptions {
  /** At most 79 characters, cut if longer; without it the source's own description stays. */
  readonly description?: string
  /** Values that viewers should show as black and white (`cal_min`, `cal_max`). */
  readonly displayRange?: readonly [number, number]
}

const LARGEST_NIFTI1_SIZE = 32767

/**
 * The bytes of an uncompressed single-file NIfTI image, little-endian, three-dimensional and without scaling.
 *
 * An image becomes float32 and a label map uint8. Orientation forms and their codes, pixdim, units, intent and
 * extensions are those of `volume.header` to the bit. The format is NIfTI-1, but NIfTI-2 where a dimension exceeds
 * 32,767 or where a NIfTI-2 source has geometry that float32 would round. Equal volumes give equal bytes.
 */
export function writeNifti(volume: AnyVolume, options: WriteOptions = {}): Uint8Array {
  const { shape, data, header } = volume
  const format = needsNifti2(volume) ? 'nifti2' : 'nifti1'
  const layout = NIFTI_LAYOUT[format]
  const extensions = encodeExtensions(header.extensions)
  const voxelOffset = layout.size + 4 + extensions.length
  const bytes = new Uint8Array(voxelOffset + data.byteLength)
  const put = fieldWriter(new DataView(bytes.buffer))
  const isImage = data instanceof Float32Array

  put('int32', 0, [layout.size])
  bytes.set(layout.magic.bytes, layout.magic.at)
  put(layout.integer, layout.dim, [3, ...shape, 1, 1, 1, 1])
  put(layout.real, layout.intentParameters, header.intent.parameters)
  put(layout.code, layout.intentCode, [header.intent.code])
  put('int16', layout.datatype, [isImage ? 16 : 2])
  put('int16', layout.bitsPerVoxel, [isImage ? 32 : 8])
  put(layout.real, layout.pixdim, [header.qform.qfac, ...header.pixdim])
  put(layout.voxelOffset.kind, layout.voxelOffset.at, [voxelOffset])
  put(layout.real, layout.slope, [1, 0])
  put(layout.units.kind, layout.units.at, [header.units])
  put(layout.real, layout.displayMaximum, [options.displayRange?.[1] ?? 0])
  put(layout.real, layout.displayMinimum, [options.displayRange?.[0] ?? 0])
  bytes.set(encodeText(options.description ?? header.description, 79), layout.description)
  put(layout.code, layout.qformCode, [header.qform.code])
  put(layout.code, layout.sformCode, [header.sform.code])
  put(layout.real, layout.quaternion, header.qform.quaternion)
  put(layout.real, layout.quaternionOffset, header.qform.offset)
  put(layout.real, layout.matrix, header.sform.rows)
  bytes.set(encodeText(header.intent.name, 15), layout.intentName)

  bytes[layout.size] = extensions.length > 0 ? 1 : 0
  bytes.set(extensions, layout.size + 4)
  // Typed arrays hold their numbers in the machine's order, which is little-endian wherever WebGPU runs.
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), voxelOffset)
  return bytes
}

function needsNifti2({ shape, header }: AnyVolume): boolean {
  if (shape.some((size) => size > LARGEST_NIFTI1_SIZE)) return true
  return (
    header.format === 'nifti2' &&
    !geometryNumbers(header).every((value) => Object.is(Math.fround(value), value))
  )
}

function geometryNumbers({ pixdim, qform, sform }: ImageHeader): number[] {
  return [...pixdim, qform.qfac, ...qform.quaternion, ...qform.offset, ...sform.rows]
}

type NumberKind = 'uint8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64'

function fieldWriter(view: DataView) {
  const setters: Readonly<
    Record<NumberKind, readonly [size: number, set: (at: number, value: number) => void]>
  > = {
    uint8: [1, (at, value) => view.setUint8(at, value)],
    int16: [2, (at, value) => view.setInt16(at, value, true)],
    int32: [4, (at, value) => view.setInt32(at, value, true)],
    int64: [8, (at, value) => view.setBigInt64(at, BigInt(value), true)],
    float32: [4, (at, value) => view.setFloat32(at, value, true)],
    float64: [8, (at, value) => view.setFloat64(at, value, true)],
  }
  return (kind: NumberKind, at: number, values: readonly number[]) => {
    const [size, set] = setters[kind]
    values.forEach((value, index) => {
      set(at + index * size, value)
    })
  }
}

/** Every extension is its size and code, then its content, padded to a multiple of 16 bytes. */
function encodeExtensions(extensions: readonly HeaderExtension[]): Uint8Array {
  const sizes = extensions.map(({ data }) => Math.ceil((data.length + 8) / 16) * 16)
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0))
  const view = new DataView(bytes.buffer)
  let position = 0
  extensions.forEach(({ code, data }, index) => {
    view.setInt32(position, sizes[index]!, true)
    view.setInt32(position + 4, code, true)
    bytes.set(data, position + 8)
    position += sizes[index]!
  })
  return bytes
}

/** One byte per character, as the format has it; others become question marks. */
function encodeText(text: string, limit: number): Uint8Array {
  return Uint8Array.from([...text].slice(0, limit), (character) => {
    const code = character.codePointAt(0)!
    return code < 256 ? code : 63
  })
}
