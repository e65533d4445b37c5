import { z } from 'zod'
import { KEY_MEANINGS, type KeyMeaning } from './meanings.ts'
import { PRESETS } from './presets.ts'
import { configSchema } from './schema.ts'

/** One key of the configuration with all that there is to know about it. */
export interface ConfigKey extends KeyMeaning {
  /** Joined by dots: what `--set` takes. */
  readonly key: string
  /** In words that fit after "must be". */
  readonly allowed: string
  /** By preset. */
  readonly defaults: Readonly<Record<string, unknown>>
}

/** Every key in the order of the schema. Throws TypeError for one without a meaning or a description. */
export function configKeys(): ConfigKey[] {
  return keysOf(configSchema, [])
}

function keysOf(schema: z.ZodObject, path: readonly string[]): ConfigKey[] {
  return Object.entries(schema.shape).flatMap(([name, below]) => {
    const keys = [...path, name]
    return below instanceof z.ZodObject ? keysOf(below, keys) : [keyOf(below as z.ZodType, keys)]
  })
}

function keyOf(schema: z.ZodType, path: readonly string[]): ConfigKey {
  const key = path.join('.')
  const known = valueAt(KEY_MEANINGS, path) as KeyMeaning | undefined
  const allowed = schema.description
  if (known?.meaning === undefined) throw new TypeError(`config/meanings.ts has no meaning of ${key}.`)
  if (allowed === undefined) throw new TypeError(`config/schema.ts does not say what ${key} must be.`)
  const defaults = Object.fromEntries(
    // What a config without a preset gets is the default of that key, whatever the presets are called.
    Object.entries(PRESETS).map(([name, preset]) => [
      name,
      valueAt(key === 'preset' ? PRESETS.paper : preset, path),
    ]),
  )
  return { key, ...known, allowed, defaults }
}

const valueAt = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], tree)

/** The default of the first preset, and of those that have another, each as one would write it. */
function defaultsOf({ defaults }: ConfigKey, quote: string): string {
  const show = (value: unknown) => {
    const text = Array.isArray(value) ? `[${value.join(', ')}]` : String(value)
    return `${quote}${text}${quote}`
  }
  const [[, first], ...others] = Object.entries(defaults) as [[string, unknown], ...[string, unknown][]]
  const different = others.flatMap(([preset, value]) =>
    show(value) === show(first) ? [] : [`${preset}: ${show(value)}`],
  )
  return different.length === 0 ? show(first) : `${show(first)} (${different.join(', ')})`
}

/** What `voxnorm train --help-config` prints. */
export function configHelp(): string {
  const entries = configKeys().map((key) => {
    const unit = key.unit === undefined ? '' : ` In ${key.unit}.`
    return [
      key.key,
      ...wrapped(`${key.meaning}${unit}`),
      ...wrapped(`must be ${key.allowed}`),
      ...wrapped(`default ${defaultsOf(key, '')}`),
    ].join('\n')
  })
  const head =
    'Keys of a config; --set KEY=VALUE overrides one. Defaults are those of the\npreset paper, and of the other presets where they differ.\n'
  return `${[head, ...entries].join('\n')}\n`
}

/** Lines of at most 80 characters, indented. */
function wrapped(text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`
    if (longer.length < 80) lines[lines.length - 1] = longer
    else lines.push(`   ${word}`)
  }
  return lines.map((line) => ` ${line}`)
}

/** The page `docs/config.md`. */
export function configPage(): string {
  const keys = configKeys()
  const sectionOf = ({ key }: ConfigKey) => (key.includes('.') ? key.split('.')[0]! : 'general')
  const tables = [...new Set(keys.map(sectionOf))].map((name) => {
    const rows = keys
      .filter((key) => sectionOf(key) === name)
      .map((key) =>
        [`\`${key.key}\``, key.meaning, key.unit ?? '', key.allowed, defaultsOf(key, '`')]
          .map((cell) => cell.replaceAll('|', '\\|'))
          .join(' | '),
      )
    return [`## ${name}`, '', '| key | meaning | unit | must be | default |', '|---|---|---|---|---|'].concat(
      rows.map((row) => `| ${row} |`),
    )
  })
  return `${[...INTRODUCTION, ...tables.map((table) => table.join('\n'))].join('\n\n')}\n`
}

const INTRODUCTION = [
  '# Keys of the configuration',
  'What `voxnorm train CONFIG` reads, a YAML or JSON file. Every key has a default, which the preset gives; `data.table` is the one that a config needs. `--set KEY=VALUE` overrides a key on the command line. An unknown key is an error that names the nearest known one. `voxnorm train --help-config` prints this page.',
  'Defaults are those of the preset `paper`, and of the other presets where they differ. Sections follow the maps of the file: `train.batch` is the key `batch` in the map `train`. What the settings do to the method is in [method.md](method.md).',
  'This page is made from [schema.ts](../packages/pipeline/src/config/schema.ts), [meanings.ts](../packages/pipeline/src/config/meanings.ts) and [presets.ts](../packages/pipeline/src/config/presets.ts): `npx vitest run test/docs -u` writes it.',
]
