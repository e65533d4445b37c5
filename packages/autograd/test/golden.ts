import { existsSync, readFileSync } from 'node:fs'
import { readSafetensors, type SafetensorsFile, type StoredTensor } from '@voxnorm/autograd'
import { expect } from 'vitest'

export const goldenFolder = '../shared/golden'
export const hasGolden = existsSync(`${goldenFolder}/manifest.json`)

/** biome-ignore lint/suspicious/noExplicitAny: every op of the manifest has its own shape of case. */
export type GoldenCase = any

export function goldenCases(op: string): GoldenCase[] {
  if (!hasGolden) return []
  const manifest = JSON.parse(readFileSync(`${goldenFolder}/manifest.json`, 'utf8'))
  return manifest.cases.filter((item: GoldenCase) => item.op === op)
}

const files = new Map<string, SafetensorsFile>()

export function goldenFile(name: string): SafetensorsFile {
  if (!files.has(name)) files.set(name, readSafetensors(readFileSync(`${goldenFolder}/${name}`)))
  return files.get(name)!
}

export function goldenTensor(item: GoldenCase, reference: { tensor: string; file?: string }): StoredTensor {
  return goldenFile(reference.file ?? item.file).tensors.get(reference.tensor)!
}

/** Compares with a stored tensor; of large ones only a sample is stored, with two sums over all elements. */
export function expectGolden(got: Float32Array, item: GoldenCase, reference: GoldenCase): void {
  const stored = goldenTensor(item, reference).values as Float32Array
  const { offset, stride } = reference.sample ?? { offset: 0, stride: 1 }
  expect(got.length).toBe(reference.shape.reduce((product: number, size: number) => product * size, 1))
  stored.forEach((expected, i) => {
    if (!(Math.abs(got[offset + i * stride]! - expected) <= reference.tol)) {
      expect.fail(`${reference.tensor}[${i}] is ${got[offset + i * stride]}, expected ${expected}`)
    }
  })
  if (!reference.sample) return
  const allowed = reference.tol * Math.sqrt(got.length)
  const l2 = Math.sqrt(got.reduce((sum, value) => sum + value ** 2, 0))
  const dotcos = got.reduce((sum, value, i) => sum + value * Math.cos(i), 0)
  expect(Math.abs(l2 - reference.l2)).toBeLessThanOrEqual(allowed)
  expect(Math.abs(dotcos - reference.dotcos)).toBeLessThanOrEqual(allowed)
}
