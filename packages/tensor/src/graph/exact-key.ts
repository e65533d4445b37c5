/**
 * A text that two plain values share only if they are the same: numbers by their bits (NaN, ±Infinity and −0 included, all
 * of which JSON confuses), typed arrays with their type, undefined as itself. For other values it is their JSON. What is
 * not plain data, such as a function or an object with a prototype of its own, is told apart by `identify`.
 */
export function exactKey(value: unknown, identify: (value: object | symbol) => number): string {
  const key = (part: unknown): string => exactKey(part, identify)
  switch (typeof value) {
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'string':
      return JSON.stringify(value)
    case 'bigint':
      return `${value}n`
    case 'boolean':
    case 'undefined':
      return String(value)
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${Array.from(value, key).join(',')}]`
  if (isTypedArray(value)) return `${value.constructor.name}[${Array.from(value, key).join(',')}]`
  if (isPlain(value)) {
    return `{${Object.entries(value)
      .map(([name, part]) => `${JSON.stringify(name)}:${key(part)}`)
      .join(',')}}`
  }
  return `#${identify(value as object | symbol)}`
}

/** Numbers things as they are met, so that a key can hold their identity. */
export function identities(): (value: object | symbol) => number {
  const known = new Map<object | symbol, number>()
  return (value) => {
    const number = known.get(value) ?? known.size
    known.set(value, number)
    return number
  }
}

type TypedArray = Exclude<ArrayBufferView, DataView> & ArrayLike<number | bigint>

const isTypedArray = (value: unknown): value is TypedArray =>
  ArrayBuffer.isView(value) && !(value instanceof DataView)

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
