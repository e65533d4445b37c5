/** Strings, braces and the colon; everything else of a JSON text does not matter here. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}:]/g

/**
 * The first key that one object of a JSON text has twice; `JSON.parse` would keep the last of them in silence.
 * `text` must be valid JSON.
 */
export function findDuplicateKey(text: string): string | undefined {
  const open: Set<string>[] = []
  let lastString = ''
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token !== ':') lastString = token
    else {
      const key: string = JSON.parse(lastString)
      const keys = open.at(-1)!
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}
