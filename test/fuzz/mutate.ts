import type { RandomStream } from '@voxnorm/data'

/** Bytes after a change, and what was done to them in words. */
export interface Mutation {
  readonly bytes: Uint8Array
  readonly what: string
  /** Where single bytes were changed; empty when the file was cut or extended. */
  readonly changed: readonly number[]
}

const TELLING_BYTES = [0, 1, 0x7f, 0x80, 0xff]

/** Numbers that break careless arithmetic, as bytes: the largest integers, infinity and NaN, in both orders. */
const TELLING_WORDS = [
  [0xff, 0x7f],
  [0x7f, 0xff],
  [0, 0, 0x80, 0x7f],
  [0x7f, 0x80, 0, 0],
  [0, 0, 0xc0, 0x7f],
  [0x7f, 0xc0, 0, 0],
  [0, 0, 0, 0x80],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
]

/** Changes one to three places within the first `limit` bytes. */
export function mutateBytes(bytes: Uint8Array, limit: number, random: RandomStream): Mutation {
  const mutated = bytes.slice()
  const changed: number[] = []
  const steps: string[] = []
  const put = (at: number, values: readonly number[], how: string) => {
    steps.push(`${how} at ${at}`)
    values.forEach((value, index) => {
      if (at + index >= limit) return
      mutated[at + index] = value
      changed.push(at + index)
    })
  }
  const count = 1 + random.integer(3)
  for (let step = 0; step < count; step++) {
    const at = random.integer(limit)
    const kind = random.integer(4)
    if (kind === 0) put(at, [mutated[at]! ^ (1 << random.integer(8))], 'a bit')
    else if (kind === 1) put(at, [random.integer(256)], 'a byte')
    else if (kind === 2) put(at, [TELLING_BYTES[random.integer(TELLING_BYTES.length)]!], 'a telling byte')
    else put(at, TELLING_WORDS[random.integer(TELLING_WORDS.length)]!, 'a telling number')
  }
  return { bytes: mutated, what: steps.join(', '), changed }
}

/** Ends the file early, anywhere. */
export function truncate(bytes: Uint8Array, random: RandomStream): Mutation {
  const length = random.integer(bytes.length)
  return { bytes: bytes.slice(0, length), what: `cut to ${length} of ${bytes.length} bytes`, changed: [] }
}

/** Puts up to 600 further bytes behind the end: zeros or noise. */
export function extend(bytes: Uint8Array, random: RandomStream): Mutation {
  const count = 1 + random.integer(600)
  const noisy = random.integer(2) === 1
  const extended = new Uint8Array(bytes.length + count)
  extended.set(bytes)
  if (noisy) for (let at = bytes.length; at < extended.length; at++) extended[at] = random.integer(256)
  return { bytes: extended, what: `${count} bytes of ${noisy ? 'noise' : 'zeros'} behind it`, changed: [] }
}

/** Changes a text as hands and programs do: a character, a line, a byte-order mark, other line ends, another encoding. */
export function mutateText(text: string, random: RandomStream): Mutation {
  const bytes = (changed: string, what: string): Mutation => ({
    bytes: new TextEncoder().encode(changed),
    what,
    changed: [],
  })
  const lines = text.split('\n')
  const line = random.integer(lines.length)
  const at = random.integer(text.length)
  switch (random.integer(9)) {
    case 0:
      return bytes(`\uFEFF${text}`, 'a byte-order mark')
    case 1:
      return bytes(text.replaceAll('\n', '\r\n'), 'line ends of Windows')
    case 2:
      return bytes(lines.filter((_, index) => index !== line).join('\n'), `without line ${line + 1}`)
    case 3:
      return bytes(
        [...lines.slice(0, line), lines[line], ...lines.slice(line)].join('\n'),
        `line ${line + 1} twice`,
      )
    case 4:
      return bytes(text.slice(0, at), `cut to ${at} characters`)
    case 5:
      return bytes(text.slice(0, at) + text.slice(at + 1), `without character ${at}`)
    case 6: {
      const character = '\t\n"{}[]:,0-n\u0000\u00e9'[random.integer(15)]!
      return bytes(text.slice(0, at) + character + text.slice(at), `${JSON.stringify(character)} at ${at}`)
    }
    case 7: {
      const wide = new Uint8Array(2 * text.length + 2)
      wide.set([0xff, 0xfe])
      for (let index = 0; index < text.length; index++) wide[2 + 2 * index] = text.charCodeAt(index)
      return { bytes: wide, what: 'written in UTF-16', changed: [] }
    }
    default:
      return mutateBytes(new TextEncoder().encode(text), text.length, random)
  }
}
