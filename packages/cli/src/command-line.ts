import { parseArgs } from 'node:util'
import { ConfigError } from '@voxnorm/data/errors'
import { nearest } from '@voxnorm/pipeline/words'

/** A flag of a command. */
export interface Flag {
  /** Name without dashes, for example `save-probabilities`; underscores are accepted for the dashes. */
  readonly name: string
  /** One letter, used as `-o`. */
  readonly short?: string
  /** Further names that mean the same. */
  readonly aliases?: readonly string[]
  /** `switch` takes no value, `list` takes one or more words, every time it is given; the others take one. */
  readonly kind: 'switch' | 'text' | 'integer' | 'number' | 'list'
  /** How the value is called in the help, for example `DIR`. */
  readonly value?: string
  /** The only values allowed. */
  readonly choices?: readonly string[]
  readonly required?: boolean
  /** Whether it is a question of its own, such as `--help`: nothing else has to be given with it. */
  readonly alone?: true
  /** One line for the help. */
  readonly help: string
}

/** What a command accepts besides flags. */
export interface Positionals {
  readonly name: string
  readonly minimum: number
  readonly maximum: number
}

/** The part of a command that parsing and the help need. */
export interface CommandSyntax {
  readonly name: string
  /** One sentence: what the command does. */
  readonly summary: string
  /** The words after `voxnorm`, for example `synth OUT [flags]`. */
  readonly usage: string
  readonly positionals: Positionals
  readonly flags: readonly Flag[]
  /** Whether the command has a config that `--set` can override. */
  readonly configurable?: true
  /** A command line to copy. */
  readonly example: string
}

/** A parsed command line. */
export interface Arguments {
  readonly positionals: readonly string[]
  /** Values by flag name; a switch that was given has an empty list. */
  readonly values: ReadonlyMap<string, readonly string[]>
}

/** Flags that every command takes. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: 'seed', kind: 'integer', value: 'N', help: 'seed of every random choice' },
  { name: 'set', kind: 'list', value: 'KEY=VALUE', help: 'override a key of the config, e.g. train.batch=8' },
  { name: 'device', kind: 'text', value: 'NAME', help: 'auto, software, or a part of an adapter name' },
  { name: 'json', kind: 'switch', help: 'print the result as one JSON document' },
  {
    name: 'log-format',
    kind: 'text',
    value: 'FORMAT',
    choices: ['text', 'json'],
    help: 'form of the log on stderr: text or json',
  },
  { name: 'quiet', kind: 'switch', help: 'no progress, only warnings and errors' },
  { name: 'debug', kind: 'switch', help: 'add stack traces to errors' },
  { name: 'version', kind: 'switch', alone: true, help: 'print the version' },
  { name: 'help', short: 'h', kind: 'switch', alone: true, help: 'show this page' },
]

/**
 * Reads the words after the command's name. `parseArgs` takes them apart; the table of flags says what they mean.
 *
 * Throws ConfigError (usage, exit 64) for an unknown flag, naming the nearest known one, a missing or unwanted value,
 * and a wrong number of positionals. With a flag that stands alone, such as `--help`, nothing is required.
 */
export function parseArguments(syntax: CommandSyntax, words: readonly string[]): Arguments {
  const flags = [...syntax.flags, ...COMMON_FLAGS]
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  /** The list that words without a flag go to: every list but `--set` takes them until the next flag. */
  let open: { readonly flag: Flag; readonly written: string } | undefined
  for (const token of tokensOf(flags, words)) {
    if (token.kind === 'option-terminator') {
      open = undefined
    } else if (token.kind === 'positional') {
      if (open !== undefined) checkValue(syntax, open.flag, open.written, token.value)
      const list = open === undefined ? positionals : values.get(open.flag.name)!
      list.push(token.value)
    } else {
      const written = words[token.index]!.split('=', 1)[0]!
      const flag = findFlag(syntax, flags, written)
      const given = valuesOf(syntax, flag, written, token)
      const earlier = flag.kind === 'list' ? (values.get(flag.name) ?? []) : []
      values.set(flag.name, [...earlier, ...given])
      open = flag.kind === 'list' && flag.name !== 'set' ? { flag, written } : undefined
    }
  }
  const parsed = { positionals, values }
  if (!flags.some(({ name, alone }) => alone && values.has(name))) checkPresence(syntax, parsed)
  return parsed
}

type Token = Required<ReturnType<typeof parseArgs>>['tokens'][number]
type OptionToken = Extract<Token, { kind: 'option' }>

/** What the words are, one token each but for the value of a flag; flags are known to `parseArgs` by their long names. */
function tokensOf(flags: readonly Flag[], words: readonly string[]): Token[] {
  const end = words.indexOf('--')
  const isFlag = (word: string, index: number) => looksLikeFlag(word) && (end < 0 || index < end)
  const { tokens } = parseArgs({
    args: words.map((word, index) => (isFlag(word, index) ? longForm(flags, word) : word)),
    options: Object.fromEntries(
      flags.map(({ name, kind }) => [name, { type: kind === 'switch' ? 'boolean' : 'string' } as const]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  return tokens
    .filter(({ index }, at) => index !== tokens[at - 1]?.index)
    .map((token) => {
      // A negative number on its own falls apart into letters of flags.
      const word = words[token.index]!
      const isNumber = token.kind === 'option' && !looksLikeFlag(word)
      return isNumber ? { kind: 'positional', index: token.index, value: word } : token
    })
}

/** `-o`, `-output`, an alias and underscores as the flag's own name behind two dashes; the rest of the word stays. */
function longForm(flags: readonly Flag[], word: string): string {
  const [written] = word.split('=', 1) as [string]
  return `--${flagOf(flags, written)?.name ?? nameOf(written)}${word.slice(written.length)}`
}

/** The value that came with a flag, as a list of one; none for a switch. */
function valuesOf(syntax: CommandSyntax, flag: Flag, written: string, token: OptionToken): string[] {
  const { value, inlineValue } = token
  if (flag.kind === 'switch') {
    if (value !== undefined) throw usageError(syntax, `${written} takes no value.`)
    return []
  }
  if (value === undefined || (!inlineValue && looksLikeFlag(value))) {
    throw usageError(syntax, `${written} needs a value (${flag.value ?? 'VALUE'}).`)
  }
  checkValue(syntax, flag, written, value)
  return [value]
}

/** Whether a switch, or any other flag, was given. */
export function hasFlag(parsed: Arguments, name: string): boolean {
  return parsed.values.has(name)
}

/** The value of a flag, or undefined when it was not given. */
export function textFlag(parsed: Arguments, name: string): string | undefined {
  return parsed.values.get(name)?.at(-1)
}

/** The number given to a flag, or undefined when it was not given. */
export function numberFlag(parsed: Arguments, name: string): number | undefined {
  const text = textFlag(parsed, name)
  return text === undefined ? undefined : Number(text)
}

/** All values of a `list` flag in the order given. */
export function listFlag(parsed: Arguments, name: string): readonly string[] {
  return parsed.values.get(name) ?? []
}

/** The help page of a command: at most one screen of 24 lines by 80 columns. */
export function helpPage(syntax: CommandSyntax): string {
  const own = syntax.flags.map((flag) => flagLine(flag))
  const lines = [`${syntax.summary}`, '', `usage: voxnorm ${syntax.usage}`, ...own]
  lines.push(commonFlagsLine(syntax), '', `example: ${syntax.example}`)
  return `${lines.join('\n')}\n`
}

/** One line for each flag that every command takes. */
export function commonFlagLines(): string[] {
  return COMMON_FLAGS.map((flag) => flagLine(flag))
}

// A screen has no room to explain them for every command; the page of all commands does.
function commonFlagsLine(syntax: CommandSyntax): string {
  const names = COMMON_FLAGS.filter(
    ({ name }) => name !== 'version' && name !== 'help' && (name !== 'set' || syntax.configurable === true),
  ).map(({ name }) => `--${name}`)
  return `  ${names.join(' ')}: see voxnorm --help`
}

function flagLine(flag: Flag): string {
  const names = `${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}`
  const value = flag.kind === 'switch' ? '' : ` ${flag.value ?? 'VALUE'}${flag.kind === 'list' ? '…' : ''}`
  return `  ${`${names}${value}`.padEnd(26)} ${flag.help}`
}

// A negative number is a value, not a flag, and so is a lone dash.
function looksLikeFlag(word: string): boolean {
  return word.startsWith('-') && word.length > 1 && !/^-[\d.]/.test(word)
}

function findFlag(syntax: CommandSyntax, flags: readonly Flag[], written: string): Flag {
  const found = flagOf(flags, written)
  if (found !== undefined) return found
  const names = flags.flatMap((flag) => [flag.name, ...(flag.aliases ?? [])])
  const close = isLetter(written) ? undefined : nearest(nameOf(written), names)
  throw usageError(
    syntax,
    `unknown flag ${written}${close === undefined ? '.' : `; did you mean --${close}?`}`,
  )
}

function flagOf(flags: readonly Flag[], written: string): Flag | undefined {
  const name = nameOf(written)
  return flags.find((flag) =>
    isLetter(written) ? flag.short === name : flag.name === name || flag.aliases?.includes(name),
  )
}

function nameOf(written: string): string {
  return written.replace(/^--?/, '').replaceAll('_', '-')
}

/** Whether a flag is written as one dash and one letter. */
function isLetter(written: string): boolean {
  return written.length === 2 && written !== '--'
}

function checkValue(syntax: CommandSyntax, flag: Flag, written: string, value: string): void {
  if (flag.kind === 'integer' && !/^\d+$/.test(value)) {
    throw usageError(syntax, `${written} needs a whole number of 0 or more, not "${value}".`)
  }
  if (flag.kind === 'number' && (value.trim() === '' || !Number.isFinite(Number(value)))) {
    throw usageError(syntax, `${written} needs a number, not "${value}".`)
  }
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    throw usageError(syntax, `${written} must be one of ${flag.choices.join(', ')}, not "${value}".`)
  }
}

function checkPresence(syntax: CommandSyntax, parsed: Arguments): void {
  const { name, minimum, maximum } = syntax.positionals
  const count = parsed.positionals.length
  if (count < minimum) throw usageError(syntax, `${name} is missing.`)
  if (count > maximum) throw usageError(syntax, `unexpected argument "${parsed.positionals[maximum]}".`)
  for (const flag of syntax.flags) {
    if (flag.required && !parsed.values.has(flag.name)) {
      const short = flag.short === undefined ? '' : `-${flag.short} / `
      throw usageError(syntax, `${short}--${flag.name} ${flag.value ?? ''} is missing.`)
    }
  }
}

function usageError(syntax: CommandSyntax, sentence: string): ConfigError {
  return new ConfigError(`voxnorm ${syntax.name}: ${sentence}`, {
    fix: `voxnorm ${syntax.name} --help shows the flags, with an example`,
  })
}
