import { ConfigError, DataError, MissingInputError } from '@voxnorm/data'
import { nearest } from '@voxnorm/pipeline/words'
import { DeviceError } from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'
import {
  type CommandSyntax,
  hasFlag,
  helpPage,
  listFlag,
  numberFlag,
  parseArguments,
  textFlag,
} from '../src/command-line.ts'
import { errorBlock, exitCodeOf } from '../src/exit-codes.ts'

const syntax: CommandSyntax = {
  name: 'predict',
  summary: 'Normalises.',
  usage: 'predict -m MODEL -i IN… -o OUT',
  positionals: { name: 'EXTRA', minimum: 0, maximum: 1 },
  flags: [
    { name: 'model', short: 'm', kind: 'text', value: 'MODEL', required: true, help: 'the model' },
    { name: 'input', short: 'i', kind: 'list', value: 'IN', help: 'inputs' },
    { name: 'stride', kind: 'integer', value: 'N', help: 'stride' },
    { name: 'grid', kind: 'text', choices: ['model', 'native'], help: 'grid' },
    { name: 'save-probabilities', kind: 'switch', help: 'also probabilities' },
  ],
  example: 'voxnorm predict -m run -i a.nii.gz -o out',
}
const parse = (...words: string[]) => parseArguments(syntax, words)
const messageOf = (...words: string[]) => {
  try {
    parse(...words)
  } catch (error) {
    expect(exitCodeOf(error)).toBe(64)
    return (error as Error).message.split('\n')[0]
  }
  return undefined
}

describe('parseArguments', () => {
  it('reads lists, values, switches and repeated --set', () => {
    const parsed = parse(
      '-m',
      'run',
      '-i',
      'a',
      'b',
      '--stride=16',
      '--set',
      'x=1',
      '--set',
      'y=-2',
      '-i',
      'c',
      '--save_probabilities',
    )
    expect(textFlag(parsed, 'model')).toBe('run')
    expect(listFlag(parsed, 'input')).toEqual(['a', 'b', 'c'])
    expect(numberFlag(parsed, 'stride')).toBe(16)
    expect(listFlag(parsed, 'set')).toEqual(['x=1', 'y=-2'])
    expect(hasFlag(parsed, 'save-probabilities')).toBe(true)
    expect(hasFlag(parsed, 'json')).toBe(false)
    expect(numberFlag(parsed, 'seed')).toBeUndefined()
  })

  it('takes everything after -- as positional', () => {
    expect(parse('-m', 'run', '--', '--odd-name').positionals).toEqual(['--odd-name'])
  })

  it.each([
    [['-m', 'run', '--strid', '8'], 'voxnorm predict: unknown flag --strid; did you mean --stride?'],
    [['-m', 'run', '-stridee', '8'], 'voxnorm predict: unknown flag -stridee; did you mean --stride?'],
    [['-m', 'run', '-z'], 'voxnorm predict: unknown flag -z.'],
    [['--xyzzy'], 'voxnorm predict: unknown flag --xyzzy.'],
    [['-m'], 'voxnorm predict: -m needs a value (MODEL).'],
    [['-m', '--json'], 'voxnorm predict: -m needs a value (MODEL).'],
    [['-m', 'run', '--stride', 'x'], 'voxnorm predict: --stride needs a whole number of 0 or more, not "x".'],
    [['-m', 'run', '--grid', 'modle'], 'voxnorm predict: --grid must be one of model, native, not "modle".'],
    [['-m', 'run', '--json=yes'], 'voxnorm predict: --json takes no value.'],
    [['-m', 'run', 'a', 'b'], 'voxnorm predict: unexpected argument "b".'],
    [[], 'voxnorm predict: -m / --model MODEL is missing.'],
  ])('%j is a usage error', (words, message) => {
    expect(messageOf(...words)).toBe(message)
  })

  it('needs nothing else for --help', () => {
    expect(messageOf('--help')).toBeUndefined()
  })

  it('has a help page that fits a screen', () => {
    const lines = helpPage(syntax).trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(lines.at(-1)).toBe('example: voxnorm predict -m run -i a.nii.gz -o out')
  })
})

describe('nearest', () => {
  it.each([
    ['lamda', ['lambda', 'label'], 'lambda'],
    ['EPOCHS', ['epochs'], 'epochs'],
    ['epcohs', ['epochs', 'patches'], 'epochs'],
    ['patches', ['patch', 'patchesPerSite'], 'patch'],
    ['zzz', ['patch', 'seed'], undefined],
  ])('%s', (word, known, expected) => {
    expect(nearest(word, known)).toBe(expected)
  })
})

describe('errors', () => {
  const system = (code: string) =>
    Object.assign(new Error(`${code}: some words, open 'x.nii'`), { code, syscall: 'open', path: 'x.nii' })

  const thrownBy = (action: () => unknown): unknown => {
    try {
      return action()
    } catch (error) {
      return error
    }
  }

  it.each([
    [new ConfigError('no'), 64],
    [new DataError('no'), 65],
    [new MissingInputError('no'), 66],
    [Object.assign(new Error('no'), { name: 'DeviceError', kind: 'unavailable' }), 69],
    [Object.assign(new Error('no'), { name: 'DeviceError', kind: 'lost' }), 75],
    [new DeviceError('out-of-memory', 'no'), 71],
    [new DeviceError('validation', 'no'), 1],
    [thrownBy(() => new Float64Array(2 ** 50)), 71],
    [thrownBy(() => new ArrayBuffer(2 ** 52)), 71],
    [thrownBy(() => new Float64Array(-1)), 1],
    [system('ENOMEM'), 71],
    [system('ENOENT'), 66],
    [system('EACCES'), 73],
    [system('ENOTDIR'), 73],
    [system('ENOSPC'), 74],
    [system('EIO'), 74],
    [new TypeError('x is not a function'), 1],
    ['text', 1],
  ])('%s ends with %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code)
  })

  it('words the remedies that libraries leave to it', () => {
    const fixOf = (error: unknown) => errorBlock(error).split('fix: ')[1]
    expect(fixOf(new DeviceError('lost', 'no'))).toMatch(/^run again with --resume; .* another --device\n$/)
    expect(fixOf(new DeviceError('out-of-memory', 'no'))).toMatch(/train\.microBatch=1.*--window/)
    expect(fixOf(new DeviceError('validation', 'no'))).toMatch(/^this is a fault in voxnorm: .*--debug/)
    expect(fixOf(new DeviceError('unavailable', 'no'))).toMatch(/`voxnorm doctor`/)
    expect(fixOf(new DeviceError('unavailable', 'no', { fix: 'install it' }))).toBe('install it\n')
    const mask = new DataError('no', { file: 'a.nii', fix: 'give a mask', remedy: 'brain-mask' })
    expect(errorBlock(mask)).toMatch(
      /^error: a\.nii: no\n {2}fix: .*--mask, .*column mask.*--mask-from positive; data\.maskFrom/,
    )
  })

  it('prints one block without a stack, and the stack with --debug', () => {
    const error = new DataError('The file is cut off.', { file: 'a.nii', fix: 'copy it again' })
    expect(errorBlock(error)).toBe('error: a.nii: The file is cut off.\n  fix: copy it again\n')
    expect(errorBlock(error, true)).toMatch(/at .*command-line\.test\.ts/)
    expect(errorBlock(system('ENOSPC'))).toBe(
      'error: x.nii: some words (ENOSPC).\n  fix: free some disk space and run again\n',
    )
    // Versions of Node have their own words for it.
    expect(errorBlock(thrownBy(() => new Float32Array(2 ** 45)))).toMatch(
      /^error: the machine has no memory left \((?:Invalid typed array length: 35184372088832|Array buffer allocation failed)\); this process holds \d+ MiB\.\n {2}fix: /,
    )
    expect(errorBlock(new TypeError('x is not a function'))).toBe(
      'error: x is not a function\n  This is a fault in voxnorm. fix: run again with --debug and report what it prints\n',
    )
  })
})
