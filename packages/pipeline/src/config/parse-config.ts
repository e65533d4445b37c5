import { ConfigError } from '@voxnorm/data'
import { dirname, resolve } from 'pathe'
import { type Document, isMap, isNode, isScalar, LineCounter, parse, parseDocument } from 'yaml'
import { z } from 'zod'
import { nearest } from '../words.ts'
import { assertConsistent } from './consistency.ts'
import { PRESETS } from './presets.ts'
import { type Config, configSchema } from './schema.ts'

/** Settings that come from the command line and win over the file. */
export interface Overrides {
  /** `--set` values as written: `key.path=value`. */
  readonly set?: readonly string[]
  readonly seed?: number | undefined
  /** `data.fold`. */
  readonly fold?: string | undefined
}

type Tree = { [key: string]: unknown }
type KeyPath = readonly string[]

/** Where a value was written: a line of the file, or the flag of the command line. */
type Locate = (keys: KeyPath) => string

/**
 * Reads and validates a configuration in YAML or JSON; `file` is its name.
 *
 * The named preset (default `paper`) supplies every key that neither the text nor `overrides` sets. `data.table` comes
 * back as a path that does not depend on the file's place: relative ones are taken from the file's folder.
 *
 * Throws ConfigError, with the line, for everything wrong in it.
 */
export function parseConfig(text: string, file: string, overrides: Overrides = {}): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const broken = document.errors[0]
  if (broken !== undefined) {
    throw new ConfigError(`${sentence(broken.message)}`, {
      file: `${file}:${lines.linePos(broken.pos[0]).line}`,
      fix: 'correct the YAML (or JSON) of this line',
    })
  }
  const written: unknown = document.toJS() ?? {}
  if (!isTree(written)) {
    throw new ConfigError('the configuration must be a map of keys such as "data: {table: dataset.tsv}".', {
      file: `${file}:1`,
      fix: 'voxnorm train --help shows an example',
    })
  }
  const settings = (overrides.set ?? []).map(readSetting)
  const { fold } = overrides
  if (fold !== undefined) settings.push({ written: `--fold ${fold}`, keys: ['data', 'fold'], value: fold })
  const locate: Locate = (keys) => {
    const setting = settings.findLast((one) => startsWith(one.keys, keys) || startsWith(keys, one.keys))
    return setting === undefined ? `${file}:${lineOf(document, lines, keys)}` : setting.written
  }
  const own = settings.reduce<Tree>((tree, { keys, value }) => setAt(tree, keys, value), written)
  const merged = merge(presetOf(own, locate), own) as Tree
  if (overrides.seed !== undefined) merged.seed = overrides.seed

  const config = withScalingOfMethod(validate(merged, locate), own)
  const tableIsSet = settings.some(({ keys }) => keys.join('.') === 'data.table')
  const base = tableIsSet ? '.' : dirname(resolve(file))
  return { ...config, data: { ...config.data, table: resolve(base, config.data.table) } }
}

function presetOf(own: Tree, locate: Locate): Config {
  const name = own.preset ?? 'paper'
  const preset =
    typeof name === 'string' && Object.hasOwn(PRESETS, name) ? PRESETS[name as Config['preset']] : undefined
  if (preset !== undefined) return preset
  throw new ConfigError(`preset must be one of ${Object.keys(PRESETS).join(', ')}, not ${show(name)}.`, {
    file: locate(['preset']),
  })
}

/** The standardization baseline is a segmenter on z-scored images unless another scaling is written. */
function withScalingOfMethod(config: Config, own: Tree): Config {
  const written = valueAt(own, ['data', 'scaling']) !== undefined
  if (config.train.method !== 'standardization' || written) return config
  return { ...config, data: { ...config.data, scaling: 'zscore' } }
}

function validate(merged: Tree, locate: Locate): Config {
  const result = configSchema.safeParse(merged)
  if (!result.success) throw issueError(result.error.issues[0]!, merged, locate)
  assertConsistent(result.data, locate)
  return result.data
}

/** One sentence for the first thing that is wrong, built from what the schema says about that key. */
function issueError(issue: z.core.$ZodIssue, merged: Tree, locate: Locate): ConfigError {
  const keys = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const unknown = issue.keys[0]!
    return unknownKey([...keys, unknown], keysAt(configSchema, keys), locate)
  }
  // An issue inside a list is told about the list, which is what the description explains.
  const named = issue.path.filter((key) => typeof key === 'string')
  const at = schemaAt(configSchema, named)
  if (at instanceof z.ZodUnion) {
    const map = at.options.find((option) => option instanceof z.ZodObject)
    const value = valueAt(merged, named)
    if (map !== undefined && isTree(value)) {
      const known = Object.keys((map as z.ZodObject).shape)
      const unknown = Object.keys(value).find((key) => !known.includes(key))
      if (unknown !== undefined) return unknownKey([...named, unknown], known, locate)
    }
  }
  const expected =
    at?.description ??
    (at instanceof z.ZodObject ? `a map with the keys ${Object.keys(at.shape).join(', ')}` : 'something else')
  return new ConfigError(`${named.join('.')} must be ${expected}, not ${show(valueAt(merged, named))}.`, {
    file: locate(named),
  })
}

function unknownKey(keys: KeyPath, known: readonly string[], locate: Locate): ConfigError {
  const name = keys.at(-1)!
  const close = nearest(name, known)
  const owner = keys.slice(0, -1).join('.')
  return new ConfigError(
    `unknown key "${name}"${owner === '' ? '' : ` in ${owner}`}${close === undefined ? '.' : `; did you mean "${close}"?`}`,
    { file: locate(keys), fix: `the known keys here are ${known.join(', ')}` },
  )
}

function schemaAt(schema: z.core.$ZodType, keys: KeyPath): z.ZodType | undefined {
  let at: z.core.$ZodType | undefined = schema
  for (const key of keys) at = at instanceof z.ZodObject ? at.shape[key] : at
  return at as z.ZodType | undefined
}

function keysAt(schema: z.core.$ZodType, keys: KeyPath): readonly string[] {
  const at = schemaAt(schema, keys)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** One value from the command line, and how it was written there. */
interface Setting {
  readonly written: string
  readonly keys: KeyPath
  readonly value: unknown
}

function readSetting(written: string): Setting {
  const equals = written.indexOf('=')
  const keys = written.slice(0, Math.max(equals, 0)).split('.')
  if (equals < 1 || keys.some((key) => key === '')) {
    throw new ConfigError(`--set needs key.path=value, not "${written}".`, {
      fix: 'for example --set train.batch=8',
    })
  }
  let value: unknown
  try {
    value = parse(written.slice(equals + 1))
  } catch (error) {
    throw new ConfigError(`the value in --set ${written} is not valid YAML.`, {
      fix: 'quote it, for example --set "data.modalities=[T1w, T2w]"',
      cause: error,
    })
  }
  return { written: `--set ${written}`, keys, value }
}

function setAt(tree: Tree, keys: KeyPath, value: unknown): Tree {
  const [key, ...rest] = keys as [string, ...string[]]
  if (rest.length === 0) return { ...tree, [key]: value }
  const below = tree[key]
  return { ...tree, [key]: setAt(isTree(below) ? below : {}, rest, value) }
}

/** `over` wins key by key where both sides are maps, and as a whole elsewhere. */
function merge(under: unknown, over: unknown): unknown {
  if (!isTree(under) || !isTree(over)) return over
  const result: Tree = { ...under }
  for (const [key, value] of Object.entries(over))
    result[key] = key in under ? merge(under[key], value) : value
  return result
}

function valueAt(tree: unknown, keys: KeyPath): unknown {
  return keys.reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree)
}

/** The line of the deepest key on the path that the file contains, the key itself rather than its value. */
function lineOf(document: Document, lines: LineCounter, keys: KeyPath): number {
  let node: unknown = document.contents
  let line = 1
  for (const key of keys) {
    if (!isMap(node)) break
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
    if (pair === undefined) break
    if (isNode(pair.key) && pair.key.range) line = lines.linePos(pair.key.range[0]).line
    node = pair.value
  }
  return line
}

function startsWith(whole: KeyPath, start: KeyPath): boolean {
  return start.length <= whole.length && start.every((key, index) => whole[index] === key)
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function sentence(message: string): string {
  const first = message.split('\n')[0]!.trim()
  return first.endsWith('.') ? first : `${first}.`
}
