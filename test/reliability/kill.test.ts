import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { built } from '../e2e/program.ts'
import { killPredictions, preparePredictions } from './kill.ts'

describe.skipIf(!built)('a prediction that is killed again and again (needs the build)', () => {
  it('is continued to the bytes of an undisturbed one', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-kill-'))
    const options = { subjects: 4, kills: 2, seed: 1, device: 'SwiftShader' }
    try {
      const undisturbed = await preparePredictions(folder, options, () => {})
      const { kills, files, different } = await killPredictions(folder, undisturbed, options, () => {})
      expect(different).toEqual([])
      expect(kills).toBeGreaterThan(0)
      expect(files).toBe(undisturbed.files.size)
      expect(files).toBeGreaterThan(4 * 6)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
