import { DeviceError } from '@voxnorm/tensor'

const BLOCK = 512

/**
 * The plain files of an uncompressed tar archive (POSIX ustar, names up to 100 characters), by name.
 * Throws DeviceError when the archive ends in the middle of a file.
 */
export function readTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (let offset = 0; offset + BLOCK <= archive.length && archive[offset] !== 0; ) {
    const field = (start: number, length: number) => {
      const bytes = archive.subarray(offset + start, offset + start + length)
      const end = bytes.indexOf(0)
      return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
    }
    const name = field(0, 100)
    const size = Number.parseInt(field(124, 12).trim() || '0', 8)
    const start = offset + BLOCK
    if (!Number.isSafeInteger(size) || start + size > archive.length) {
      throw new DeviceError('unavailable', `the archive is damaged at "${name}"`, {
        fix: 'install the dependencies again',
      })
    }
    const type = field(156, 1)
    if (type === '' || type === '0') files.set(name, archive.subarray(start, start + size))
    offset = start + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}
