import { DataError } from '../errors.ts'
import type { Shape3 } from './volume.ts'

/** Voxel types that hold one real number. */
export type VoxelType =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'

interface Decoder {
  readonly bytes: number
  readonly read: (view: DataView, offset: number, littleEndian: boolean) => number
}

/** 64-bit integers are put together from halves: that rounds once, as a conversion to float64 does. */
const DECODERS: Readonly<Record<VoxelType, Decoder>> = {
  int8: { bytes: 1, read: (view, offset) => view.getInt8(offset) },
  uint8: { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  int16: { bytes: 2, read: (view, offset, little) => view.getInt16(offset, little) },
  uint16: { bytes: 2, read: (view, offset, little) => view.getUint16(offset, little) },
  int32: { bytes: 4, read: (view, offset, little) => view.getInt32(offset, little) },
  uint32: { bytes: 4, read: (view, offset, little) => view.getUint32(offset, little) },
  int64: {
    bytes: 8,
    read: (view, offset, little) =>
      view.getInt32(offset + (little ? 4 : 0), little) * 2 ** 32 +
      view.getUint32(offset + (little ? 0 : 4), little),
  },
  uint64: {
    bytes: 8,
    read: (view, offset, little) =>
      view.getUint32(offset + (little ? 4 : 0), little) * 2 ** 32 +
      view.getUint32(offset + (little ? 0 : 4), little),
  },
  float32: { bytes: 4, read: (view, offset, little) => view.getFloat32(offset, little) },
  float64: { bytes: 8, read: (view, offset, little) => view.getFloat64(offset, little) },
}

/** Where voxels lie in a file and how to turn them into values: stored value * slope + intercept. */
export interface VoxelLayout {
  readonly shape: Shape3
  readonly type: VoxelType
  readonly offset: number
  readonly littleEndian: boolean
  readonly slope: number
  readonly intercept: number
}

/** Bytes that one voxel of a type takes. */
export function bytesPerVoxel(type: VoxelType): number {
  return DECODERS[type].bytes
}

/**
 * Reads all voxels as float32, scaled in float64.
 *
 * The sizes in a header may lie, so nothing is allocated before the bytes are known to be there. Throws DataError
 * when the file is too short.
 */
export function decodeVoxels(bytes: Uint8Array, layout: VoxelLayout, file: string): Float32Array {
  const { shape, type, offset, littleEndian, slope, intercept } = layout
  const { bytes: size, read } = DECODERS[type]
  const count = shape[0] * shape[1] * shape[2]
  const available = Math.max(0, bytes.length - offset)
  if (available < count * size) {
    throw new DataError(
      `The file is cut off: ${shape.join(' x ')} voxels of ${type} from byte ${offset} need ${count * size} bytes but ${available} are there.`,
      { file, fix: 'copy or download the file again.' },
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, count * size)
  const values = new Float32Array(count)
  if (slope === 1 && intercept === 0) {
    for (let index = 0; index < count; index++) values[index] = read(view, index * size, littleEndian)
  } else {
    for (let index = 0; index < count; index++) {
      values[index] = read(view, index * size, littleEndian) * slope + intercept
    }
  }
  return values
}
