import { readSafetensors, type SafetensorsFile, writeSafetensors } from '@voxnorm/autograd'
import {
  type TrainingConfig,
  type TrainingData,
  type TrainingEvent,
  type TrainOptions,
  train,
} from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import { expect } from 'vitest'

/** Everything that a training tells. */
export async function eventsOf(
  runtime: Runtime,
  config: TrainingConfig,
  options: TrainOptions,
  data: TrainingData,
): Promise<TrainingEvent[]> {
  const all: TrainingEvent[] = []
  for await (const event of train(runtime, config, data, options)) all.push(event)
  return all
}

/** What a training tells that is told to stop as soon as an event is the one. */
export async function eventsUntil(
  runtime: Runtime,
  config: TrainingConfig,
  data: TrainingData,
  isTheOne: (event: TrainingEvent) => boolean,
): Promise<TrainingEvent[]> {
  const stop = new AbortController()
  const all: TrainingEvent[] = []
  for await (const event of train(runtime, config, data, { signal: stop.signal })) {
    all.push(event)
    if (isTheOne(event)) stop.abort()
  }
  return all
}

export const ofKind = <K extends TrainingEvent['kind']>(all: readonly TrainingEvent[], kind: K) =>
  all.filter((event): event is Extract<TrainingEvent, { kind: K }> => event.kind === kind)

/** The last checkpoint of its kind. */
export const last = (all: readonly TrainingEvent[], which: 'latest' | 'best') =>
  ofKind(all, 'checkpoint').findLast((event) => event.which === which)!

/** The last checkpoint through the bytes of a file, as a resumption gets it. */
export const stored = (all: readonly TrainingEvent[]): SafetensorsFile =>
  readSafetensors(writeSafetensors(last(all, 'latest')))

export function expectSameTensors(a: SafetensorsFile, b: SafetensorsFile): void {
  expect([...a.tensors.keys()].sort()).toEqual([...b.tensors.keys()].sort())
  for (const [name, { values }] of a.tensors) {
    expect(Buffer.compare(bytesOf(values), bytesOf(b.tensors.get(name)!.values)), name).toBe(0)
  }
}
const bytesOf = (values: ArrayBufferView) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)
