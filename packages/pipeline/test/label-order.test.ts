import { confusionMatrix } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { checkLabelOrder } from '../src/evaluation/label-order.ts'
import { openTestLog } from './log.ts'

const lines: string[] = []
const log = openTestLog((line) => lines.push(line), true)
const howToDecide = (side: string, meaning: string) => {
  const flag = side === 'reference' ? '--labels' : '--label-convention'
  return `decide with ${flag} ${meaning}, or with ${flag} bids`
}
const options = { place: 'data', decided: false, howToDecide, log }

/** 100 voxels of each class, the first `wrong` of which are called something else. */
const REFERENCE = [0, 1, 2, 3].flatMap((label) => new Array<number>(100).fill(label))
const matrix = (order: readonly number[], wrong: number, side: 'reference' | 'prediction' = 'reference') => {
  const other = REFERENCE.map((label, voxel) => order[voxel % 100 < wrong ? (label + 1) % 4 : label]!)
  return side === 'reference' ? confusionMatrix(other, REFERENCE, 4) : confusionMatrix(REFERENCE, other, 4)
}

describe('checkLabelOrder', () => {
  it('is content where bids fits best, and without any subject', () => {
    lines.length = 0
    checkLabelOrder([matrix([0, 1, 2, 3], 40)], 'reference', options)
    checkLabelOrder([], 'reference', options)
    expect(lines).toEqual([])
  })

  it('only warns where the segmentation is no good in any order', () => {
    lines.length = 0
    // Everything is called GM, and what really is GM was stored under the number of CSF.
    const counts = [
      [100, 0, 0, 0],
      [0, 0, 100, 0],
      [0, 0, 20, 0],
      [0, 0, 20, 0],
    ]
    checkLabelOrder([{ classes: 4, total: 240, counts }], 'reference', options)
    expect(lines.join('')).toMatch(/WARNING[\s\S]*mean Dice is 0\.08[\s\S]*it would be 0\.28/)
  })

  it('only warns when the user has decided about the other side', () => {
    lines.length = 0
    checkLabelOrder([matrix([0, 2, 3, 1], 10)], 'prediction', { ...options, decided: true })
    expect(lines.join('')).toMatch(/WARNING[\s\S]*They are read as bids/)
  })

  // Number 1 of bids is class 2 (GM), 2 is class 3 (WM), 3 is class 1 (CSF).
  it.each([
    [[0, 2, 3, 1], '{CSF: 1, GM: 2, WM: 3} (paper, mrbrains13-testing, fsl-fast)', ' paper'],
    [[0, 1, 3, 2], '{CSF: 3, GM: 2, WM: 1}', ' "{CSF: 3, GM: 2, WM: 1}"'],
    [[0, 2, 1, 3], '{CSF: 1, GM: 3, WM: 2}', ' "{CSF: 1, GM: 3, WM: 2}"'],
  ] as const)('names the order that fits better when classes come out as %j', (order, map, word) => {
    for (const side of ['reference', 'prediction'] as const) {
      const flag = side === 'reference' ? '--labels' : '--label-convention'
      const check = () => checkLabelOrder([matrix(order, 10, side)], side, options)
      expect(check).toThrow(expect.objectContaining({ kind: 'data' }))
      expect(check).toThrow(`the numbers of the ${side} mean`)
      expect(check).toThrow(map)
      expect(check).toThrow(`decide with ${flag}${word}, or with ${flag} bids`)
    }
  })

  it('only warns of an order that fits a little better', () => {
    lines.length = 0
    // Half of CSF and GM are taken for one another, and a little more.
    const counts = [
      [100, 0, 0, 0],
      [0, 48, 52, 0],
      [0, 52, 48, 0],
      [0, 0, 0, 100],
    ]
    checkLabelOrder([{ classes: 4, total: 400, counts }], 'reference', options)
    expect(lines.join('')).toMatch(
      /WARNING[\s\S]*mean Dice is 0\.65[\s\S]*it would be 0\.68[\s\S]*read as bids/,
    )
  })
})
