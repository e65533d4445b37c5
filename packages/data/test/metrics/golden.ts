import { existsSync, readFileSync } from 'node:fs'
import type { Shape3 } from '@voxnorm/data'

const folder = '../shared/golden'
export const hasGolden = existsSync(`${folder}/manifest.json`)

/** biome-ignore lint/suspicious/noExplicitAny: every op of the manifest has its own shape of case. */
export type GoldenCase = any

export function goldenCases(op: string): GoldenCase[] {
  if (!hasGolden) return []
  const manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8'))
  return manifest.cases.filter((item: GoldenCase) => item.op === op)
}

export function goldenTensor(name: string): { values: number[]; shape: Shape3 } {
  const file = readFileSync(`${folder}/metrics.safetensors`)
  const headerLength = Number(file.readBigUInt64LE(0))
  const { dtype, shape, data_offsets } = JSON.parse(file.toString('utf8', 8, 8 + headerLength))[name]
  const start = 8 + headerLength
  const bytes = file.subarray(start + data_offsets[0], start + data_offsets[1])
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const read: Record<string, [number, (at: number) => number]> = {
    F32: [4, (at) => view.getFloat32(at, true)],
    U8: [1, (at) => view.getUint8(at)],
    I32: [4, (at) => view.getInt32(at, true)],
    I64: [8, (at) => Number(view.getBigInt64(at, true))],
  }
  const [size, get] = read[dtype]!
  const values = Array.from({ length: bytes.length / size }, (_, i) => get(i * size))
  // Stored arrays have the last axis fastest, volumes the first.
  return { values, shape: [...shape].reverse() as unknown as Shape3 }
}
