import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataError } from '../src/errors.ts'
import { formatTable, parseTable } from '../src/table.ts'

describe('parseTable', () => {
  it('reads cells by column with their line numbers', () => {
    const table = parseTable('\uFEFFid\tsite\tage\r\n\r\na\tn/a\t3\r\nb\tx y\t\r\n', 't.tsv')
    expect(table.columns).toEqual(['id', 'site', 'age'])
    expect(table.rows).toEqual([
      { line: 3, cells: { id: 'a', site: undefined, age: '3' } },
      { line: 4, cells: { id: 'b', site: 'x y', age: undefined } },
    ])
  })

  it.each([
    ['', 'The table is empty'],
    ['\n \n', 'The table is empty'],
    ['a,b\n1,2\n', 'no tabs'],
    ['a\ta\n1\t2\n', 'two columns "a"'],
    ['a\t\n1\t2\n', 'without a name'],
    ['a\tb\n1\t2\n3\n', 'Line 3 has 1 cells'],
  ])('refuses %j', (text, message) => {
    expect(() => parseTable(text, 'folder/t.tsv')).toThrow(DataError)
    expect(() => parseTable(text, 'folder/t.tsv')).toThrow(`folder/t.tsv: `)
    expect(() => parseTable(text, 'folder/t.tsv')).toThrow(message)
  })
})

describe('formatTable', () => {
  it('writes missing values as n/a', () => {
    const text = formatTable(
      ['a', 'b', 'c'],
      [
        { a: 1.5, b: Number.NaN, c: null },
        { a: 'x', c: 0 },
      ],
    )
    expect(text).toBe('a\tb\tc\n1.5\tn/a\tn/a\nx\tn/a\t0\n')
  })

  it('refuses what the format cannot hold', () => {
    expect(() => formatTable(['a'], [{ a: 'x\ty' }])).toThrow(DataError)
  })

  it('is undone by parseTable', () => {
    const cell = fc.option(
      fc
        .string({ minLength: 1 })
        .filter((text) => !/[\t\n\r]/.test(text) && text === text.trim() && text !== 'n/a'),
      { nil: undefined },
    )
    const row = fc.record({ id: fc.stringMatching(/^[a-z]{1,5}$/), value: cell })
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const table = parseTable(formatTable(['id', 'value'], rows), 't.tsv')
        expect(table.rows.map(({ cells }) => ({ ...cells }))).toEqual(rows)
      }),
    )
  })
})
