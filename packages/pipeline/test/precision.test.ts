import type { Runtime } from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'
import { PRESETS } from '../src/config/presets.ts'
import { toTraining } from '../src/config/to-training.ts'
import { withPossiblePrecision } from '../src/training/precision.ts'

const { tiny } = PRESETS
const mixed = { ...tiny, train: { ...tiny.train, precision: 'mixed' } } as const

function onDeviceWith(features: readonly string[], config: typeof tiny) {
  const warnings: string[] = []
  const runtime = { capabilities: { features: new Set(features) } } as unknown as Runtime
  const log = { warning: (_: string, text: string) => warnings.push(text) }
  return { possible: withPossiblePrecision(config, { name: 'Some GPU', runtime }, log), warnings }
}

describe('train.precision', () => {
  it('is what was asked for where the device can', () => {
    expect(onDeviceWith(['shader-f16'], mixed)).toEqual({ possible: mixed, warnings: [] })
    expect(onDeviceWith([], tiny)).toEqual({ possible: tiny, warnings: [] })
  })

  it('falls back to f32 elsewhere, and says so', () => {
    const { possible, warnings } = onDeviceWith(['subgroups'], mixed)
    expect(possible).toEqual(tiny)
    expect(warnings).toEqual([
      'train.precision is mixed, but Some GPU has no half precision (shader-f16): training in f32',
    ])
  })

  it('is no part of what a checkpoint is compared by unless it is mixed', () => {
    expect(toTraining(tiny).train).not.toHaveProperty('precision')
    expect(toTraining(mixed).train).toHaveProperty('precision', 'mixed')
  })
})
