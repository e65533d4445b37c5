/** A table for the terminal: columns padded to their widest cell, columns of numbers set to the right. */
export function textTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((name, index) => Math.max(name.length, ...rows.map((row) => row[index]!.length)))
  const numeric = columns.map((_, index) =>
    rows.every((row) => /^(-?[\d.]+(e[-+]?\d+)?|n\/a)$/.test(row[index]!)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => (numeric[index] ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)))
      .join('  ')
      .trimEnd()
  return [line(columns), ...rows.map(line)].join('\n')
}

/** A number with four significant digits, `n/a` for NaN. */
export function shortNumber(value: number): string {
  return Number.isNaN(value) ? 'n/a' : String(Number(value.toPrecision(4)))
}
