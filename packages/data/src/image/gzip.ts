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
 * Decompresses a gzip archive of one or several members and compares their checksums. Zeros behind the last member are
 * padding of tapes, archives and block stores.
 *
 * `limitOf` is asked once, with the first piece of the content, how many bytes there may be in all. Throws DataError for an
 * archive that is cut off, damaged, followed by anything else, or that would grow beyond that or two gibibytes. `file`
 * names the archive in the error.
 */
export function gunzip(
  bytes: Uint8Array,
  file: string,
  limitOf: (start: Uint8Array) => number = () => LARGEST_IMAGE,
): Uint8Array {
  const damaged = (what: string, cause?: unknown) =>
    new DataError(`The gzip archive ${what}.`, { file, cause, fix: 'copy or download the file again.' })
  const parts: Uint8Array[] = []
  let limit: number | undefined
  let total = 0
  let member = { length: 0, checksum: 0xffffffff }
  /** Whether the eight bytes in front of `end` are what a member ends with that holds what was read since the last one. */
  const memberEndsAt = (end: number) => {
    if (end < SMALLEST_MEMBER) return false
    const stored = new DataView(bytes.buffer, bytes.byteOffset + end - 8, 8)
    return (
      stored.getUint32(0, true) === (member.checksum ^ 0xffffffff) >>> 0 &&
      stored.getUint32(4, true) === member.length % 2 ** 32
    )
  }
  const stream = new Gunzip((part) => {
    limit ??= Math.min(LARGEST_IMAGE, limitOf(part))
    total += part.length
    if (total > limit) throw damaged(`holds more than the ${limit} bytes that there may be`)
    member = { length: member.length + part.length, checksum: updateChecksum(member.checksum, part) }
    parts.push(part)
  })
  stream.onmember = (end) => {
    if (!memberEndsAt(end)) throw damaged('is damaged: its checksum does not match')
    member = { length: 0, checksum: 0xffffffff }
  }
  let failure: unknown
  try {
    for (let start = 0; start < bytes.length; start += CHUNK) {
      stream.push(bytes.subarray(start, start + CHUNK), start + CHUNK >= bytes.length)
    }
  } catch (error) {
    if (error instanceof DataError) throw error
    failure = error
  }
  const ends = [...(failure === undefined ? [bytes.length] : []), ...endsBeforePadding(bytes)]
  if (!ends.some(memberEndsAt)) {
    throw failure === undefined
      ? damaged('is damaged: its checksum does not match')
      : damaged('is cut off or damaged', failure)
  }
  return concatenate(parts, total)
}

/** Where the archive may end when zeros follow it: up to eight of them may still be of its checksum and length. */
function endsBeforePadding(bytes: Uint8Array): number[] {
  let last = bytes.length
  while (last > 0 && bytes[last - 1] === 0) last--
  return last === bytes.length
    ? []
    : Array.from({ length: 9 }, (_, zeros) => last + zeros).filter((end) => end <= bytes.length)
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
