/**
 * Random numbers that are a pure function of (seed, purpose, index).
 *
 * One primitive serves everything: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"), a keyed bijection of 128-bit counters. A stream's address, the seed and a path such as
 * `'patch', site, 17`, is digested by chaining Philox as a compression function; the digest gives the key and
 * the upper half of the counter, and the lower half counts the draws. So nothing has to be saved to resume a
 * run, and draws for different purposes never disturb each other.
 */

type Words4 = readonly [number, number, number, number]

/** Sequential draws from one addressed stream. The object remembers only how many draws were made. */
export interface RandomStream {
  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number
  /** Uniform among 0, 1, ..., n - 1; n is an integer from 1 to 2^32. Throws RangeError otherwise. */
  integer(n: number): number
  /** Standard normal deviate (Box-Muller; its last bits depend on the JavaScript engine's `log` and `cos`). */
  normal(): number
  /** A new array with the same items in uniformly random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[]
}

/** A bijection of 0, ..., size - 1 that is evaluated one index at a time and needs no memory. */
export interface Permutation {
  readonly size: number
  /** Image of `index`; indices beyond the size continue in further rounds, each a full pass. */
  at(index: number): number
}

const WORD = 2 ** 32

/**
 * Opens the stream at an address. Equal arguments give equal draws on every machine; a number and the string
 * that spells it are different addresses.
 */
export function randomStream(seed: number, ...path: readonly (number | string)[]): RandomStream {
  const digest = digestAddress([seed, ...path])
  let block = 0
  let words: Words4 = [0, 0, 0, 0]
  let used = 4

  function word(): number {
    if (used === 4) {
      words = philox([block % WORD, Math.floor(block / WORD), digest[2], digest[3]], digest[0], digest[1])
      block++
      used = 0
    }
    return words[used++]!
  }
  function uniform(): number {
    const high = word() >>> 5
    const low = word() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }
  function integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > WORD) {
      throw new RangeError(`A random integer needs a whole number of choices from 1 to 2^32 but got ${n}.`)
    }
    // Words at the top that would make the first few results more frequent are drawn again.
    const limit = WORD - (WORD % n)
    let value = word()
    while (value >= limit) value = word()
    return value % n
  }
  function normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
    return radius * Math.cos(2 * Math.PI * uniform())
  }
  function shuffle<T>(items: readonly T[]): T[] {
    const shuffled = items.slice()
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = integer(last + 1)
      const moved = shuffled[last]!
      shuffled[last] = shuffled[other]!
      shuffled[other] = moved
    }
    return shuffled
  }
  return { uniform, integer, normal, shuffle }
}

/**
 * A pseudo-random permutation of 0, ..., size - 1 (size from 1 to 2^32) addressed like {@link randomStream}.
 *
 * An eight-round Feistel network over the smallest even number of bits that holds `size`, walked until it
 * lands inside the range. It draws without replacement from millions of voxels without listing them.
 */
export function permutation(size: number, seed: number, ...path: readonly (number | string)[]): Permutation {
  if (!Number.isInteger(size) || size < 1 || size > WORD) {
    throw new RangeError(`A permutation needs a size from 1 to 2^32 but got ${size}.`)
  }
  const digest = digestAddress([seed, ...path])
  const halfBits = Math.max(1, Math.ceil(Math.log2(size) / 2))
  const half = 2 ** halfBits

  function encrypt(value: number, pass: number): number {
    let left = Math.floor(value / half)
    let right = value % half
    for (let round = 0; round < 8; round++) {
      const mixed = mix((right ^ Math.imul(round + 1, 0x9e3779b9)) >>> 0, digest[round % 4]!, pass)
      const next = (left ^ (mixed & (half - 1))) >>> 0
      left = right
      right = next
    }
    return left * half + right
  }
  function at(index: number): number {
    const pass = Math.floor(index / size)
    let value = index % size
    do value = encrypt(value, pass)
    while (value >= size)
    return value
  }
  return { size, at }
}

/** Ten Philox rounds: a bijection of 128-bit counters chosen by a 64-bit key. Exported for its known answers. */
export function philox(counter: Words4, key0: number, key1: number): Words4 {
  let [c0, c1, c2, c3] = counter
  let k0 = key0
  let k1 = key1
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0)
    const high1 = multiplyHigh(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2)
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1 >>> 0
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0 >>> 0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = aLow * bHigh + (middle % 65536)
  return aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)
}

/** Round function of the Feistel network: two multiply-xorshift steps (the finaliser of MurmurHash3), keyed. */
function mix(value: number, key: number, pass: number): number {
  let hash = value ^ key ^ Math.imul(pass, 0x85ebca77)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** 128-bit digest of an address: every part is framed by a type tag and its length, then chained block-wise. */
function digestAddress(parts: readonly (number | string)[]): Words4 {
  let state: Words4 = [parts.length, 0, 0, 0]
  for (const part of parts) {
    const words = typeof part === 'number' ? numberWords(part) : stringWords(part)
    for (let start = 0; start < words.length; start += 4) {
      const block: Words4 = [
        (state[0] ^ words[start]!) >>> 0,
        (state[1] ^ (words[start + 1] ?? 0)) >>> 0,
        (state[2] ^ (words[start + 2] ?? 0)) >>> 0,
        (state[3] ^ (words[start + 3] ?? 0)) >>> 0,
      ]
      state = philox(block, state[0], state[1])
    }
  }
  return state
}

function numberWords(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8))
  // Adding zero makes -0 and 0 one address.
  view.setFloat64(0, value + 0)
  return [1, view.getUint32(0), view.getUint32(4)]
}

function stringWords(text: string): number[] {
  const words = [2, text.length]
  for (let start = 0; start < text.length; start += 2) {
    const first = text.charCodeAt(start)
    const second = start + 1 < text.length ? text.charCodeAt(start + 1) : 0
    words.push(first + second * 65536)
  }
  return words
}
