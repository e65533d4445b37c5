const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/**
 * Reads a length of time such as `90s`, `10m`, `2h` or `1h30m` as seconds; `none` is Infinity.
 *
 * Returns undefined when the text is no length of time.
 */
export function parseDuration(text: string): number | undefined {
  if (text === 'none') return Number.POSITIVE_INFINITY
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(text)) return undefined
  let seconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)) {
    seconds += Number(amount) * UNIT_SECONDS[unit!]!
  }
  return seconds > 0 ? seconds : undefined
}
