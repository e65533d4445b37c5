/** Two 32-bit words: a key, a counter or a block of random bits. */
export type Words2 = readonly [number, number]

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const
/** The constant that the generator's authors took over from the Skein hash; it keeps an all-zero key from being weak. */
const PARITY = 0x1bd11bda

/**
 * Threefry-2x32 with 20 rounds: random bits as a pure function of a key and a counter, so that nothing has to be
 * stored and no draw disturbs another (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4).
 */
export function threefry(key: Words2, counter: Words2): Words2 {
  const schedule = [key[0], key[1], PARITY ^ key[0] ^ key[1]] as const
  let x0 = (counter[0] + schedule[0]) | 0
  let x1 = (counter[1] + schedule[1]) | 0
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round % 8]!
    x0 = (x0 + x1) | 0
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0
    if (round % 4 === 3) {
      const injection = (round + 1) / 4
      x0 = (x0 + schedule[injection % 3]!) | 0
      x1 = (x1 + schedule[(injection + 1) % 3]! + injection) | 0
    }
  }
  return [x0 >>> 0, x1 >>> 0]
}

/** The key of a named stream: equal seeds and names give equal keys, on every machine. `seed` is a safe integer. */
export function streamKey(seed: number, name: string): Words2 {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`A seed must be a whole number but it is ${seed}.`)
  let key: Words2 = [seed | 0, Math.floor(seed / 2 ** 32) | 0]
  for (let at = 0; at < name.length; at++) key = threefry(key, [name.charCodeAt(at), at])
  return threefry(key, [name.length, -1])
}

/** `count` float32 values, uniform between `low` and `high`. The i-th depends on the key and on i alone. */
export function uniformValues(key: Words2, count: number, low: number, high: number): Float32Array {
  const values = new Float32Array(count)
  for (let at = 0; at < count; at += 2) {
    const words = threefry(key, [at / 2, 0])
    values[at] = low + ((words[0] + 0.5) / 2 ** 32) * (high - low)
    // Past the end of an odd count this writes nothing.
    values[at + 1] = low + ((words[1] + 0.5) / 2 ** 32) * (high - low)
  }
  return values
}
