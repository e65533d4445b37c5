import { KernelError } from '../errors.ts'

/**
 * Rewrites a kernel for operands that are stored in half precision: their bindings are declared as halves, a load `x[i]`
 * becomes `f32(x[i])` and a store `y[i] = v;` becomes `y[i] = f16(v);`. Everything in between stays f32, so that a
 * kernel's text knows nothing of half precision. `bindings` are the numbers of the bindings concerned; those that are
 * declared as arrays of something else than f32 or vec4f are refused.
 */
export function storeHalves(source: string, bindings: readonly number[], file: string): string {
  let text = source
  for (const binding of bindings) {
    const declaration = new RegExp(`(@binding\\(${binding}\\)\\s*var<storage, \\w+> (\\w+): array<)(\\w+)>;`)
    const match = declaration.exec(text)
    const half = match && HALF[aliased(match[3]!, text)]
    if (!half) throw new KernelError(file, `binding ${binding} cannot be stored in half precision`)
    const [, before, name, type] = match as unknown as [string, string, string, string]
    text = text.replace(declaration, () => `${before}${half}>;`)
    text = convertAccesses(text, { name, type, half }, file)
  }
  return `enable f16;\n${text}`
}

/** What holds the halves of a type that kernels compute with. */
const HALF: Readonly<Record<string, string>> = { f32: 'f16', vec4f: 'vec4<f16>' }

/** The type behind a top-level `alias NAME = …;`. */
const aliased = (type: string, text: string): string =>
  new RegExp(`^alias ${type} = (\\w+);`, 'm').exec(text)?.[1] ?? type

interface Operand {
  readonly name: string
  /** As it stands in the kernel. */
  readonly type: string
  readonly half: string
}

/** Converts every `name[…]` outside comments. */
function convertAccesses(text: string, operand: Operand, file: string): string {
  const { name, type, half } = operand
  const access = new RegExp(`//.*|(?<![.\\w])${name}\\[`, 'g')
  const parts: string[] = []
  let done = 0
  for (let match = access.exec(text); match; match = access.exec(text)) {
    if (match[0].startsWith('//')) continue
    const end = closingBracket(text, access.lastIndex - 1, file) + 1
    const element = text.slice(match.index, end)
    parts.push(text.slice(done, match.index))
    const store = /^\s*([-+*/]?)=(?!=)([^;]*);/.exec(text.slice(end))
    if (store) {
      const [statement, operator, value] = store as unknown as [string, string, string]
      const converted = convertAccesses(value, operand, file).trim()
      const stored = operator ? `${type}(${element}) ${operator} (${converted})` : converted
      parts.push(`${element} = ${half}(${stored});`)
      done = end + statement.length
    } else {
      parts.push(`${type}(${element})`)
      done = end
    }
    access.lastIndex = done
  }
  return parts.join('') + text.slice(done)
}

/** Index of the bracket that closes the one at `open`. */
export function closingBracket(text: string, open: number, file: string): number {
  const opener = text[open]!
  const closer = opener === '{' ? '}' : opener === '(' ? ')' : ']'
  let depth = 0
  for (let index = open; index < text.length; index++) {
    if (text[index] === opener) depth++
    else if (text[index] === closer && --depth === 0) return index
  }
  throw new KernelError(file, `"${opener}" without "${closer}"`)
}
