import { findDuplicateKey } from './duplicate-key.ts'

/** Element types that are read and written. */
export type StoredType = 'F32' | 'F64' | 'I32' | 'U32' | 'I64' | 'U8'

/** Values as they lie in a file. */
export type StoredValues = Float32Array | Float64Array | Int32Array | Uint32Array | BigInt64Array | Uint8Array

/** A tensor of a file. Its element type is that of its array. */
export interface StoredTensor {
  readonly shape: readonly number[]
  readonly values: StoredValues
}

/** A whole file: tensors by name, and free text by key. */
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/** A file that is not valid, or a tensor that is not the one expected. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError'
  /** The tensor that the error is about, if it is about one. */
  readonly tensor: string | undefined

  constructor(problem: string, tensor?: string) {
    super(tensor === undefined ? `safetensors: ${problem}` : `safetensors: tensor "${tensor}" ${problem}`)
    this.tensor = tensor
  }
}

const arrays = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
  U8: Uint8Array,
} as const

const METADATA = '__metadata__'
/** Bytes in front of the header: its length as a 64-bit integer. */
const PREFIX = 8
/** The format's own limit on the header. */
const LARGEST_HEADER = 100_000_000

/** A header entry that was checked on its own. */
interface Entry {
  readonly name: string
  readonly type: StoredType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/**
 * Reads a file. The arrays show the file's own memory where their alignment allows it.
 * Throws SafetensorsError for anything that the format forbids: a header that is no JSON object or repeats a key,
 * metadata that is no text, unknown element types, ranges that do not fit their shape, overlap, leave bytes unused
 * or reach past the end of the file.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start } = readHeader(bytes)
  const metadata = readMetadata(header.get(METADATA))
  const entries = [...header]
    .filter(([name]) => name !== METADATA)
    .map(([name, value]) => checkEntry(name, value))
  checkRanges(entries, bytes.length - start)
  const tensors = entries.map((entry): [string, StoredTensor] => [
    entry.name,
    { shape: entry.shape, values: arrayAt(bytes, start, entry) },
  ])
  return { metadata, tensors: new Map(tensors) }
}

function readHeader(bytes: Uint8Array): { header: Map<string, unknown>; start: number } {
  if (bytes.length < PREFIX) throw new SafetensorsError(`the file has only ${bytes.length} bytes`)
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, PREFIX).getBigUint64(0, true))
  if (length > LARGEST_HEADER) {
    throw new SafetensorsError(`the header claims ${length} bytes, more than the format allows`)
  }
  const start = PREFIX + length
  if (start > bytes.length) {
    throw new SafetensorsError(
      `the header claims ${length} bytes, the file has ${bytes.length - PREFIX} for it`,
    )
  }
  let text: string
  let parsed: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(PREFIX, start))
    parsed = JSON.parse(text)
  } catch (error) {
    throw new SafetensorsError(
      `the header is no JSON text (${error instanceof Error ? error.message : error})`,
    )
  }
  if (!isObject(parsed)) throw new SafetensorsError('the header must be a JSON object')
  const duplicate = findDuplicateKey(text)
  if (duplicate !== undefined) throw new SafetensorsError(`the header has the key "${duplicate}" twice`)
  return { header: new Map(Object.entries(parsed)), start }
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {}
  if (!isObject(value)) throw new SafetensorsError(`${METADATA} must be a JSON object`)
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw new SafetensorsError(`${METADATA} must hold text, but "${key}" does not`)
  }
  return value as Record<string, string>
}

function checkEntry(name: string, value: unknown): Entry {
  if (!isObject(value)) throw new SafetensorsError('must be described by a JSON object', name)
  const { dtype, shape, data_offsets: offsets } = value
  const unknown = Object.keys(value).find((key) => !['dtype', 'shape', 'data_offsets'].includes(key))
  if (unknown !== undefined) throw new SafetensorsError(`has an unknown field "${unknown}"`, name)
  if (typeof dtype !== 'string' || !Object.hasOwn(arrays, dtype)) {
    const known = Object.keys(arrays).join(', ')
    throw new SafetensorsError(`has the element type ${JSON.stringify(dtype)}; known are ${known}`, name)
  }
  const type = dtype as StoredType
  if (!isListOfSizes(shape)) {
    throw new SafetensorsError('must have a shape, a list of whole numbers that are not negative', name)
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw new SafetensorsError('must have data_offsets, two whole numbers in ascending order', name)
  }
  const [begin, end] = offsets as [number, number]
  const size = count(shape) * arrays[type].BYTES_PER_ELEMENT
  if (end - begin !== size) {
    const expected = `${type}[${shape.join(',')}] takes ${size} bytes`
    throw new SafetensorsError(`has ${end - begin} bytes, but ${expected}`, name)
  }
  return { name, type, shape, begin, end }
}

/** The ranges of all tensors must tile the rest of the file. */
function checkRanges(entries: readonly Entry[], available: number): void {
  let covered = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > available) {
      throw new SafetensorsError(`ends at byte ${end}, but the file has ${available} bytes of values`, name)
    }
    if (begin < covered) throw new SafetensorsError('overlaps the tensor before it', name)
    if (begin > covered) throw new SafetensorsError(`begins after ${begin - covered} unused bytes`, name)
    covered = end
  }
  if (covered < available) {
    throw new SafetensorsError(`${available - covered} bytes at the end of the file belong to no tensor`)
  }
}

function arrayAt(bytes: Uint8Array, start: number, { type, shape, begin, end }: Entry): StoredValues {
  const Values = arrays[type]
  const aligned = (bytes.byteOffset + start + begin) % Values.BYTES_PER_ELEMENT === 0
  const range = bytes.subarray(start + begin, start + end)
  // Not `slice`: that of Node's Buffer does not copy.
  const { buffer, byteOffset } = aligned ? range : new Uint8Array(range)
  return new Values(buffer as ArrayBuffer, byteOffset, count(shape))
}

/**
 * Writes a file: the same tensors and metadata give the same bytes, whatever their order. Keys are sorted, wide
 * element types come first so that every tensor is aligned, and the header is padded to a multiple of 8 bytes.
 * Throws SafetensorsError when an array does not fill its shape.
 */
export function writeSafetensors(file: {
  readonly metadata?: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, StoredTensor>
}): Uint8Array<ArrayBuffer> {
  const names = [...file.tensors.keys()].sort()
  const width = (name: string) => file.tensors.get(name)!.values.BYTES_PER_ELEMENT
  const ordered = names.toSorted((a, b) => width(b) - width(a))
  const metadata = Object.entries(file.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const header: [string, unknown][] = metadata.length > 0 ? [[METADATA, Object.fromEntries(metadata)]] : []
  const offsets = new Map<string, number>()
  let size = 0
  for (const name of ordered) {
    const { shape, values } = file.tensors.get(name)!
    if (name === METADATA) throw new SafetensorsError('has a reserved name', name)
    if (count(shape) !== values.length) {
      throw new SafetensorsError(`has ${values.length} values for the shape [${shape.join(',')}]`, name)
    }
    offsets.set(name, size)
    size += values.byteLength
  }
  for (const name of names) {
    const { shape, values } = file.tensors.get(name)!
    const begin = offsets.get(name)!
    const range = [begin, begin + values.byteLength]
    header.push([name, { dtype: typeOf(values), shape, data_offsets: range }])
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const start = PREFIX + Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(start + size)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - PREFIX), true)
  bytes.fill(' '.charCodeAt(0), PREFIX, start)
  bytes.set(json, PREFIX)
  for (const [name, { values }] of file.tensors) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start + offsets.get(name)!)
  }
  return bytes
}

function typeOf(values: StoredValues): StoredType {
  const types = Object.keys(arrays) as StoredType[]
  return types.find((type) => values instanceof arrays[type])!
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isListOfSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
