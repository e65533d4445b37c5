import { describe, expect, it, vi } from 'vitest'
import { curveChart } from '../src/charts/charts.ts'

describe('curveChart', () => {
  it('draws curves of one point without a warning on the terminal', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const curves = ['a', 'b', 'c'].map((name, x) => ({ name, color: 'red', points: [{ x, y: x }] }))
    expect(curveChart(curves, { x: 'iteration', y: 'loss' }).match(/<circle/g)).toHaveLength(3)
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})
