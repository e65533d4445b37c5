import { KernelError } from '../errors.ts'
import { closingBracket, storeHalves } from './half-storage.ts'

/**
 * Specialising a kernel: its `.wgsl` file is complete, valid WGSL with ordinary `const` lines at the top.
 * Four rewrites turn it into the text that is compiled. None changes what the kernel computes, but for the rounding of
 * what is stored in half precision:
 *
 * 1. `const NAME = …;` and `alias NAME = …;` lines take the values that the kernel asks for;
 * 2. bindings of tensors in half precision, whose numbers are `halves`, are converted where they are read and written;
 * 3. loops marked `// unroll` are written out, and `if`s whose condition became a number are decided;
 * 4. private arrays marked `// registers`, whose indices are constants by then, become single variables.
 *
 * The last two exist for software drivers: SwiftShader keeps an indexed private array in memory, where one
 * access costs as much as fifty multiply-adds.
 */
export function specialize(
  source: string,
  file: string,
  constants: Readonly<Record<string, number | string>> = {},
  halves: readonly number[] = [],
): string {
  let text = source
  for (const [name, value] of Object.entries(constants)) {
    const line = new RegExp(`^(const|alias) ${name}(\\s*:\\s*\\w+)?\\s*=\\s*[^;]*;`, 'm')
    if (!line.test(text))
      throw new KernelError(file, `has no top-level line "const ${name} = …;" or "alias ${name} = …;"`)
    // WGSL has no words for these, and its abstract numbers know no negative zero: they belong into the uniform block.
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
      throw new KernelError(
        file,
        `cannot have ${Object.is(value, -0) ? '-0' : value} as the constant ${name}`,
      )
    text = text.replace(line, `$1 ${name}$2 = ${value};`)
  }
  if (halves.length > 0) text = storeHalves(text, halves, file)
  if (!text.includes('// unroll')) return text
  const known = topLevelConstants(text)
  return splitRegisters(unrollLoops(text, known, file), known, file)
}

/** Numeric `const` lines, evaluated in order, so that a later one may use an earlier one. */
function topLevelConstants(text: string): Map<string, number> {
  const known = new Map<string, number>()
  for (const match of text.matchAll(/^const (\w+)(?:\s*:\s*\w+)?\s*=\s*([^;]*);/gm)) {
    const value = evaluate(match[2]!, known)
    if (value !== undefined) known.set(match[1]!, value)
  }
  return known
}

/**
 * The value of an integer expression over known names and literals, or undefined if it is not one.
 * Division truncates, as WGSL's does.
 */
function evaluate(expression: string, known: ReadonlyMap<string, number>): number | undefined {
  const tokens = expression.match(/\w+|<=|>=|==|!=|&&|\|\||[-+*/%()<>!]|\S/g) ?? []
  let position = 0
  const peek = () => tokens[position]
  const levels: readonly (readonly string[])[] = [
    ['||'],
    ['&&'],
    ['==', '!='],
    ['<', '>', '<=', '>='],
    ['+', '-'],
    ['*', '/', '%'],
  ]
  const combine = (operator: string, a: number, b: number): number => {
    // An unknown name makes the whole expression unknown, comparisons included.
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN
    switch (operator) {
      case '||':
        return a || b ? 1 : 0
      case '&&':
        return a && b ? 1 : 0
      case '==':
        return Number(a === b)
      case '!=':
        return Number(a !== b)
      case '<':
        return Number(a < b)
      case '>':
        return Number(a > b)
      case '<=':
        return Number(a <= b)
      case '>=':
        return Number(a >= b)
      case '+':
        return a + b
      case '-':
        return a - b
      case '*':
        return a * b
      case '/':
        return Math.trunc(a / b)
      default:
        return a % b
    }
  }
  const primary = (): number => {
    const token = tokens[position++]
    if (token === undefined) return Number.NaN
    if (token === '-') return -primary()
    if (token === '!') return 1 - Math.sign(Math.abs(primary()))
    if (token === '(') {
      const value = binary(0)
      return tokens[position++] === ')' ? value : Number.NaN
    }
    if (/^\d+[ui]?$/.test(token)) return Number.parseInt(token, 10)
    return known.get(token) ?? Number.NaN
  }
  const binary = (level: number): number => {
    if (level === levels.length) return primary()
    let value = binary(level + 1)
    for (let operator = peek(); operator && levels[level]!.includes(operator); operator = peek()) {
      position++
      value = combine(operator, value, binary(level + 1))
    }
    return value
  }
  const value = binary(0)
  return position === tokens.length && Number.isFinite(value) ? value : undefined
}

const UNROLLED = /\/\/ unroll\s+for \(var (\w+) = ([^;]+); \w+ < ([^;]+); \w+\+\+\) \{/

/**
 * Unrolls the marked loops, inner ones after outer ones, so that an inner loop's bounds may name an outer variable.
 * Work is done on pieces and joined at the end: the text grows to a hundred times the file's length.
 */
function unrollLoops(source: string, known: ReadonlyMap<string, number>, file: string): string {
  const parts: string[] = []
  let rest = source
  for (let match = UNROLLED.exec(rest); match; match = UNROLLED.exec(rest)) {
    const [header, name, from, to] = match as unknown as [string, string, string, string]
    const start = evaluate(from, known)
    const end = evaluate(to, known)
    if (start === undefined || end === undefined) {
      throw new KernelError(file, `cannot unroll "for ${name} from ${from} to ${to}": not constants`)
    }
    const open = match.index + header.length - 1
    const close = closingBracket(rest, open, file)
    const body = rest.slice(open + 1, close)
    const uses = new RegExp(`\\b${name}\\b`, 'g')
    parts.push(rest.slice(0, match.index))
    for (let value = start; value < end; value++) {
      const copy = decideConditions(body.replace(uses, String(value)), known, file)
      parts.push(`{${unrollLoops(copy, known, file)}}\n`)
    }
    rest = rest.slice(close + 1)
  }
  return decideConditions(parts.join('') + rest, known, file)
}

/** `if (3 < 2) {…}` disappears, `if (1 < 2) {…}` becomes its body. */
function decideConditions(source: string, known: ReadonlyMap<string, number>, file: string): string {
  const parts: string[] = []
  let rest = source
  for (let at = rest.search(/\bif \(/); at >= 0; at = rest.search(/\bif \(/)) {
    const openParenthesis = rest.indexOf('(', at)
    const closeParenthesis = closingBracket(rest, openParenthesis, file)
    const value = evaluate(rest.slice(openParenthesis + 1, closeParenthesis), known)
    if (value === undefined) {
      parts.push(rest.slice(0, closeParenthesis + 1))
      rest = rest.slice(closeParenthesis + 1)
      continue
    }
    const open = rest.indexOf('{', closeParenthesis)
    const close = closingBracket(rest, open, file)
    parts.push(rest.slice(0, at))
    rest = (value ? rest.slice(open, close + 1) : '') + rest.slice(close + 1)
  }
  return parts.join('') + rest
}

const REGISTERS = /\/\/ registers\s+var (\w+): array<(\w+), ([^>]+)>;/

/** Gives every element of a register array a name of its own. Arrays of the same name in different blocks may differ. */
function splitRegisters(source: string, known: ReadonlyMap<string, number>, file: string): string {
  const counts = new Map<string, number>()
  const declared = source.replace(
    new RegExp(REGISTERS, 'g'),
    (_, name: string, type: string, length: string) => {
      const count = evaluate(length, known)
      if (count === undefined) throw new KernelError(file, `registers ${name}: "${length}" is not a constant`)
      counts.set(name, Math.max(count, counts.get(name) ?? 0))
      return Array.from({ length: count }, (_element, index) => `var ${name}_${index}: ${type};`).join(' ')
    },
  )
  if (counts.size === 0) return declared
  const uses = new RegExp(`\\b(${[...counts.keys()].join('|')})\\[([^\\]]*)\\]`, 'g')
  return declared.replace(uses, (_, name: string, expression: string) => {
    const index = evaluate(expression, known)
    if (index === undefined || index < 0 || index >= counts.get(name)!) {
      throw new KernelError(file, `registers ${name}[${expression}]: no such register`)
    }
    return `${name}_${index}`
  })
}
