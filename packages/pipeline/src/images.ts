import { companionNames, type NamedVolume, readVolume, type WriteOptions, writeNifti } from '@voxnorm/data'
import type { Sink, Source } from './storage.ts'

/** Reads an image, and the other half of a `.hdr`/`.img` pair from beside it. Throws what the source and `readVolume` throw. */
export async function readImage(source: Source, file: string): Promise<NamedVolume> {
  const bytes = await source.read(file)
  for (const name of companionNames(file)) {
    if (!(await source.has(name))) continue
    return { file, volume: readVolume(bytes, { name: file, companion: await source.read(name) }) }
  }
  return { file, volume: readVolume(bytes, { name: file }) }
}

/** Writes a volume as NIfTI, compressed when `name` ends in `.gz`. */
export async function writeImage(
  sink: Sink,
  name: string,
  volume: Parameters<typeof writeNifti>[0],
  options: WriteOptions = {},
): Promise<void> {
  const bytes = writeNifti(volume, options)
  await sink.write(name, name.endsWith('.gz') ? await compress(bytes) : bytes)
}

/** The platform's gzip leaves out name and time stamp: the same bytes come out each time. */
async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
