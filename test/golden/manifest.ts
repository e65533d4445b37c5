import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type FileLayout,
  fromFile,
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  toFile,
} from '@voxnorm/autograd'
import { DataError, MissingInputError } from '@voxnorm/data'

/** A tensor in one of a folder's files; see the folder's README. */
export interface TensorReference {
  readonly tensor: string
  readonly shape: readonly number[]
  /** The case's own file by default. */
  readonly file?: string
  /** Which elements of the row-major flattening are stored; all by default. */
  readonly sample?: { readonly offset: number; readonly stride: number; readonly count: number }
  /** Of all elements: √Σ v², and Σ v·cos(index). */
  readonly l2?: number
  readonly dotcos?: number
  readonly tol?: number
}

/** What all cases have; the runner of an op knows its other fields. */
export interface GoldenCase {
  readonly id: string
  readonly op: string
  readonly file?: string
}

/** A folder of cases with their tensors. */
export class GoldenFolder {
  readonly path: string
  readonly cases: readonly GoldenCase[]
  private readonly files = new Map<string, SafetensorsFile>()

  /** Throws MissingInputError without a manifest, DataError when it is not one. */
  constructor(path: string) {
    const manifest = join(path, 'manifest.json')
    if (!existsSync(manifest)) {
      throw new MissingInputError(`${manifest} does not exist.`, {
        file: manifest,
        fix: 'name a folder with golden numbers, e.g. ../shared/golden',
      })
    }
    this.path = path
    this.cases = readCases(manifest)
  }

  /** The contents of a file of the folder. */
  bytes(name: string): Uint8Array {
    return readFileSync(join(this.path, name))
  }

  /** A safetensors file of the folder. */
  tensors(name: string): ReadonlyMap<string, StoredTensor> {
    const known = this.files.get(name) ?? readSafetensors(this.bytes(name))
    this.files.set(name, known)
    return known.tensors
  }

  /** What is stored for a reference: all elements, or those of its sample. */
  stored(item: GoldenCase, reference: TensorReference): Float64Array {
    const file = reference.file ?? item.file
    const found = file === undefined ? undefined : this.tensors(file).get(reference.tensor)
    if (!found) throw new DataError(`${file ?? item.id} has no tensor "${reference.tensor}".`)
    const count = reference.sample?.count ?? countOf(reference.shape)
    if (found.values.length !== count) {
      throw new DataError(
        `${file}: "${reference.tensor}" has ${found.values.length} elements, should have ${count}.`,
      )
    }
    return Float64Array.from(found.values, Number)
  }

  /** Weights from several files; later ones win. */
  weights(names: readonly string[]): Map<string, StoredTensor> {
    return new Map(names.flatMap((name) => [...this.tensors(name)]))
  }
}

function readCases(manifest: string): GoldenCase[] {
  let cases: unknown
  try {
    cases = JSON.parse(readFileSync(manifest, 'utf8')).cases
  } catch (error) {
    throw new DataError(`${manifest} is no JSON text (${error instanceof Error ? error.message : error}).`)
  }
  const isCase = (item: unknown): item is GoldenCase =>
    typeof item === 'object' && item !== null && 'id' in item && 'op' in item
  if (!Array.isArray(cases) || !cases.every(isCase)) {
    throw new DataError(`${manifest} must have a list of cases, each with an id and an op.`)
  }
  return cases
}

/** Number of elements of a shape. */
export const countOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1)

/**
 * How a tensor of these files lies next to how it does in the engine: `channels` is N,C,D,H,W (and N,C), there
 * N,D,H,W,C; `convolution` is O,I,D,H,W, there D,H,W,I,O; `linear` is O,I, there I,O. `plain` tensors are the same on
 * both sides, and so are `classes`, which the engine takes as u32.
 */
export type Layout = 'plain' | 'channels' | 'convolution' | 'linear' | 'classes'

function fileLayout(layout: Layout, shape: readonly number[]): FileLayout {
  const axes = shape.map((_, axis) => axis)
  const [first, second, ...rest] = axes as [number, number, ...number[]]
  const order: Record<Layout, readonly number[]> = {
    plain: axes,
    classes: axes,
    channels: axes.length < 2 ? axes : [first, ...rest, second],
    convolution: [...rest, second, first],
    linear: [second, first],
  }
  // order[i] is the file's axis that comes i-th in the engine.
  const engineOrder = order[layout]
  return {
    shape,
    engineAxes: engineOrder.map((axis) => shape[axis]!),
    permutation: axes.map((axis) => engineOrder.indexOf(axis)),
  }
}

/** The shape that a tensor of a file has in the engine. */
export const engineShape = (layout: Layout, shape: readonly number[]): readonly number[] =>
  fileLayout(layout, shape).engineAxes

/** Values in a file's order, in the engine's. */
export const toEngine = (layout: Layout, shape: readonly number[], values: Float32Array): Float32Array =>
  fromFile(values, fileLayout(layout, shape))

/** Values in the engine's order, in a file's of that shape. */
export const toGolden = (layout: Layout, shape: readonly number[], values: Float32Array): Float32Array =>
  toFile(values, fileLayout(layout, shape))
