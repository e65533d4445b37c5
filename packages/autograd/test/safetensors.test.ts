import { readdirSync, readFileSync } from 'node:fs'
import { readSafetensors, SafetensorsError, type StoredTensor, writeSafetensors } from '@voxnorm/autograd'
import { describe, expect, it } from 'vitest'
import { goldenCases, goldenFolder, goldenTensor, hasGolden } from './golden.ts'

const text = new TextEncoder()

/** A file from the text of its header and the number of bytes behind it. */
function fileOf(header: string | object, valueBytes = 0): Uint8Array {
  const json = text.encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + valueBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

const tensors = new Map<string, StoredTensor>([
  ['z.weight', { shape: [2, 3], values: Float32Array.of(1, -2, 0.5, 1e-30, Number.NaN, -0) }],
  ['bytes', { shape: [3], values: Uint8Array.of(1, 2, 255) }],
  ['a.steps', { shape: [1], values: BigInt64Array.of(-(2n ** 62n)) }],
  ['doubles', { shape: [2], values: Float64Array.of(Math.PI, Number.POSITIVE_INFINITY) }],
  ['seeds', { shape: [], values: Uint32Array.of(2 ** 32 - 1) }],
  ['labels', { shape: [2, 1], values: Int32Array.of(-5, 7) }],
  ['empty', { shape: [0, 4], values: new Float32Array(0) }],
  ['__proto__', { shape: [1], values: Float32Array.of(3) }],
])
const bytesOf = ({ values }: StoredTensor) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const metadata = { format: 'voxnorm', config: '{"sites":["ä","b\\"{"]}', version: '1' }

describe('writing and reading', () => {
  it('gives back every tensor to the bit, and the metadata', () => {
    const file = readSafetensors(writeSafetensors({ metadata, tensors }))
    expect(file.metadata).toEqual(metadata)
    expect([...file.tensors.keys()].sort()).toEqual([...tensors.keys()].sort())
    for (const [name, { shape, values }] of tensors) {
      const read = file.tensors.get(name)!
      expect(read.shape).toEqual(shape)
      expect(read.values).toEqual(values)
      expect(read.values.constructor).toBe(values.constructor)
    }
  })

  it('gives the same bytes whatever the order of tensors and metadata', () => {
    const reversed = <T>(entries: Iterable<[string, T]>) => [...entries].reverse()
    const again = writeSafetensors({
      metadata: Object.fromEntries(reversed(Object.entries(metadata))),
      tensors: new Map(reversed(tensors)),
    })
    expect(again).toEqual(writeSafetensors({ metadata, tensors }))
  })

  it('pads the header to 8 bytes with spaces and aligns every tensor', () => {
    for (const config of ['', 'a', 'ab', 'abc', 'abcdefg']) {
      const bytes = writeSafetensors({ metadata: { config }, tensors })
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
      expect(length % 8).toBe(0)
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
      expect(Object.keys(header)).toEqual(['__metadata__', ...[...tensors.keys()].sort()])
      for (const name of ['z.weight', 'a.steps', 'doubles', 'seeds', 'labels']) {
        const { data_offsets } = header[name]
        expect(data_offsets[0] % tensors.get(name)!.values.BYTES_PER_ELEMENT).toBe(0)
      }
    }
  })

  it('writes exactly the bytes of the format', () => {
    const bytes = writeSafetensors({ tensors: new Map([['t', { shape: [1], values: Float32Array.of(1) }]]) })
    const header = '{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
    expect([...bytes]).toEqual([56, 0, 0, 0, 0, 0, 0, 0, ...text.encode(header), 0, 0, 128, 63])
  })

  it('reads tensors that are not aligned, from a Buffer too', () => {
    const bytes = writeSafetensors({ metadata, tensors })
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    for (const view of [shifted.subarray(1), Buffer.from(shifted.buffer, 1)]) {
      expect(readSafetensors(view).tensors.get('doubles')).toEqual(tensors.get('doubles'))
    }
  })

  it('takes metadata of many megabytes', () => {
    const long = { config: '{"'.repeat(4_000_000) }
    expect(readSafetensors(writeSafetensors({ metadata: long, tensors: new Map() })).metadata).toEqual(long)
  })

  it('does not write what it could not read', () => {
    const wrong = (name: string, shape: number[]) => new Map([[name, { shape, values: new Float32Array(3) }]])
    expect(() => writeSafetensors({ tensors: wrong('t', [2]) })).toThrow(
      'tensor "t" has 3 values for the shape [2]',
    )
    expect(() => writeSafetensors({ tensors: wrong('__metadata__', [3]) })).toThrow('has a reserved name')
  })
})

describe('a broken file', () => {
  const long = fileOf('{}')
  new DataView(long.buffer).setBigUint64(0, 2n ** 63n, true)
  const cut = writeSafetensors({ metadata, tensors }).subarray(0, -1)
  it.each<[string, Uint8Array, string]>([
    ['that is empty', new Uint8Array(0), 'the file has only 0 bytes'],
    ['that is shorter than the prefix', new Uint8Array(7), 'the file has only 7 bytes'],
    ['with a header that is too long for any file', long, 'more than the format allows'],
    ['with a header longer than the file', fileOf('{}').subarray(0, 9), 'claims 2 bytes, the file has 1'],
    ['that is cut off', cut, 'tensor "bytes" ends at byte'],
    ['with a header that is no JSON', fileOf('{"a":'), 'the header is no JSON text'],
    ['with a header that is no UTF-8', fileOf('{}').fill(0xff, 8), 'the header is no JSON text'],
    ['with a list as header', fileOf('[]'), 'the header must be a JSON object'],
    ['with null as header', fileOf('null'), 'the header must be a JSON object'],
    ['with a tensor twice', fileOf('{"a":{},"a":{}}'), 'the header has the key "a" twice'],
    [
      'with a tensor twice, once escaped',
      fileOf('{"a":{},"\\u0061":{}}'),
      'the header has the key "a" twice',
    ],
    ['with a field twice', fileOf('{"a":{"dtype":"F32","dtype":"F32"}}'), 'has the key "dtype" twice'],
    ['with metadata that is no object', fileOf({ __metadata__: 'x' }), '__metadata__ must be a JSON object'],
    ['with metadata that is no text', fileOf({ __metadata__: { version: 1 } }), '"version" does not'],
    ['with a tensor that is no object', fileOf({ a: 1 }), 'tensor "a" must be described by a JSON object'],
    [
      'with an unknown field',
      fileOf({ a: { ...f32(0, 0), more: 1 } }),
      'tensor "a" has an unknown field "more"',
    ],
    [
      'of an unknown type',
      fileOf({ a: { ...f32(0, 0), dtype: 'F8' } }),
      'tensor "a" has the element type "F8"',
    ],
    [
      'of an inherited type',
      fileOf({ a: { ...f32(0, 0), dtype: 'toString' } }),
      'the element type "toString"',
    ],
    [
      'without a type',
      fileOf({ a: { shape: [], data_offsets: [0, 4] } }, 4),
      'has the element type undefined',
    ],
    ['with a negative size', fileOf({ a: f32(0, 4, [-1]) }, 4), 'tensor "a" must have a shape'],
    ['with half a size', fileOf({ a: f32(0, 4, [0.5]) }, 4), 'tensor "a" must have a shape'],
    ['with a number as shape', fileOf({ a: { ...f32(0, 4), shape: 1 } }, 4), 'tensor "a" must have a shape'],
    [
      'with one offset',
      fileOf({ a: { ...f32(0, 4), data_offsets: [0] } }, 4),
      'tensor "a" must have data_offsets',
    ],
    [
      'with offsets in descending order',
      fileOf({ a: { ...f32(0, 4), data_offsets: [4, 0] } }, 4),
      'ascending',
    ],
    ['with a range that does not fit the shape', fileOf({ a: f32(0, 8, [1]) }, 8), 'F32[1] takes 4 bytes'],
    ['with a shape beyond all numbers', fileOf({ a: f32(0, 4, Array(30).fill(1e15)) }, 4), 'takes'],
    [
      'with a tensor behind its end',
      fileOf({ a: f32(0, 8) }, 4),
      'tensor "a" ends at byte 8, but the file has 4',
    ],
    [
      'with overlapping tensors',
      fileOf({ a: f32(0, 8), b: f32(4, 12) }, 12),
      'tensor "b" overlaps the tensor',
    ],
    ['with a hole at its start', fileOf({ a: f32(4, 8) }, 8), 'tensor "a" begins after 4 unused bytes'],
    ['with a hole', fileOf({ a: f32(0, 4), b: f32(8, 12) }, 12), 'tensor "b" begins after 4 unused bytes'],
    [
      'with trailing bytes',
      fileOf({ a: f32(0, 4) }, 5),
      '1 bytes at the end of the file belong to no tensor',
    ],
  ])('%s is refused in one sentence', (_, bytes, sentence) => {
    let error: unknown
    try {
      readSafetensors(bytes)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(SafetensorsError)
    expect((error as SafetensorsError).message).toContain(sentence)
    expect((error as SafetensorsError).message).not.toContain('\n')
    const named = /tensor "(.*?)"/.exec(sentence)?.[1]
    if (named) expect((error as SafetensorsError).tensor).toBe(named)
  })

  it('never gives anything but a SafetensorsError or tensors that fill their shapes', () => {
    const original = writeSafetensors({ metadata, tensors })
    const header = Number(new DataView(original.buffer).getBigUint64(0, true))
    let state = 1
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * n)
    }
    let refused = 0
    for (let round = 0; round < 5000; round++) {
      const bytes = original.slice(0, random(10) === 0 ? random(original.length) : original.length)
      for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(8 + header)]! ^= 1 << random(8)
      try {
        for (const { shape, values } of readSafetensors(bytes).tensors.values()) {
          expect(values.length).toBe(shape.reduce((a, b) => a * b, 1))
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(2500)
  })
})

describe.skipIf(!hasGolden)('golden files (needs ../shared)', () => {
  const names = hasGolden ? readdirSync(goldenFolder).filter((name) => name.endsWith('.safetensors')) : []

  it.each(names)('%s is read, and read again after it was written', (name) => {
    const file = readSafetensors(readFileSync(`${goldenFolder}/${name}`))
    expect(file.tensors.size).toBeGreaterThan(10)
    const again = readSafetensors(writeSafetensors(file))
    expect(again.metadata).toEqual(file.metadata)
    expect(again.tensors.size).toBe(file.tensors.size)
    for (const [key, { shape, values }] of file.tensors) {
      const copy = again.tensors.get(key)!
      expect(copy.shape).toEqual(shape)
      expect(Buffer.compare(bytesOf(copy), bytesOf({ shape, values }))).toBe(0)
    }
  })

  it('has values that add up as they did elsewhere', () => {
    const [item] = goldenCases('sum')
    const total = (reference: { tensor: string }) =>
      (goldenTensor(item, reference).values as Float32Array).reduce((a, b) => a + b, 0)
    expect(Math.abs(total(item.outputs.y))).toBeGreaterThan(0.1)
    expect(total(item.inputs.x)).toBeCloseTo(total(item.outputs.y), 3)
  })
})
