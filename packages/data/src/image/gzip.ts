import { Gunzip, gzipSync } from 'fflate'
import { DataError } from '../errors.ts'

/** More than any brain image needs (a 512³ volume of float64 is half of it); stops archives that never end. */
const LARGEST_IMAGE = 2 ** 31

const CHUNK = 2 ** 16

/** Ten bytes of header and eight of checksum and length. */
const SMALLEST_MEMBER = 18

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** Compresses without name or time stamp, so that the same bytes always give the same archive. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 6, mtime: 0 })
}

/** Whether the bytes begin like a gzip archive. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8
}

/**
 * Decompresses a gzip archive of one or several members and compares their checksums.
 *
 * Throws DataError for an archive that is cut off, damaged, followed by anything else, or that would grow beyond
 * two gibibytes. `file` names the archive in the error.
 */
export function gunzip(bytes: Uint8Array, file: string): Uint8Array {
  const damaged = (what: string, cause?: unknown) =>
    new DataError(`The gzip archive ${what}.`, { file, cause, fix: 'copy or download the file again.' })
  const parts: Uint8Array[] = []
  let total = 0
  let checksum = 0xffffffff
  const closeMember = (end: number) => {
    if (end < SMALLEST_MEMBER) throw damaged('is cut off')
    const stored = new DataView(bytes.buffer, bytes.byteOffset + end - 8, 8).getUint32(0, true)
    if (stored !== (checksum ^ 0xffffffff) >>> 0) throw damaged('is damaged: its checksum does not match')
    checksum = 0xffffffff
  }
  const stream = new Gunzip((part) => {
    total += part.length
    if (total > LARGEST_IMAGE) throw damaged(`would grow beyond ${LARGEST_IMAGE} bytes`)
    checksum = updateChecksum(checksum, part)
    parts.push(part)
  })
  stream.onmember = closeMember
  try {
    for (let start = 0; start < bytes.length; start += CHUNK) {
      stream.push(bytes.subarray(start, start + CHUNK), start + CHUNK >= bytes.length)
    }
  } catch (error) {
    if (error instanceof DataError) throw error
    throw damaged('is cut off or damaged', error)
  }
  closeMember(bytes.length)
  return concatenate(parts, total)
}

function updateChecksum(checksum: number, bytes: Uint8Array): number {
  let value = checksum
  for (let index = 0; index < bytes.length; index++) {
    value = CRC_TABLE[(value ^ bytes[index]!) & 0xff]! ^ (value >>> 8)
  }
  return value
}

function concatenate(parts: readonly Uint8Array[], total: number): Uint8Array {
  const whole = new Uint8Array(total)
  let position = 0
  for (const part of parts) {
    whole.set(part, position)
    position += part.length
  }
  return whole
}
