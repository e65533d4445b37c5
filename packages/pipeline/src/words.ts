/**
 * The candidate that `word` was most likely meant to be, or undefined when none is close.
 *
 * Close means an edit distance (insert, delete, replace, swap of neighbours) of at most a third of the longer
 * word, or one being a part of the other; case does not count.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const known = candidate.toLowerCase()
    const longer = Math.max(known.length, wanted.length)
    let distance = editDistance(wanted, known)
    const contained = wanted.length >= 3 && (known.includes(wanted) || wanted.includes(known))
    if (contained) distance = Math.min(distance, Math.floor(longer / 3))
    if (distance <= Math.max(1, Math.floor(longer / 3)) && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** The number of single-letter changes, counting a swap of neighbours as one, between two words. */
function editDistance(a: string, b: string): number {
  const width = b.length + 1
  const table = new Uint16Array((a.length + 1) * width)
  for (let j = 0; j < width; j++) table[j] = j
  for (let i = 1; i <= a.length; i++) {
    table[i * width] = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(
        table[(i - 1) * width + j]! + 1,
        table[i * width + j - 1]! + 1,
        table[(i - 1) * width + j - 1]! + same,
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, table[(i - 2) * width + j - 2]! + 1)
      }
      table[i * width + j] = cost
    }
  }
  return table[a.length * width + b.length]!
}

/** A length of time in the two largest units that matter: `45 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (value: number) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

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
