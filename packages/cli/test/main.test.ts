import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { main } from '../src/main.ts'

let out = ''
let err = ''
beforeEach(() => {
  out = ''
  err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

const VERBS = ['synth', 'train', 'predict', 'evaluate', 'report', 'doctor', 'bench']

describe('main', () => {
  it.each(VERBS)('%s --help fits one screen and ends with an example', async (verb) => {
    expect(await main([verb, '--help'])).toBe(0)
    const lines = out.trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(24)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
    expect(lines.at(-1)).toMatch(new RegExp(`^example: voxnorm ${verb} ?`))
    expect(err).toBe('')
  })

  it('lists every verb, and the list fits one screen', async () => {
    expect(await main(['--help'])).toBe(0)
    for (const verb of VERBS) expect(out).toMatch(new RegExp(`^ {2}${verb} `, 'm'))
    expect(out.split('\n').length).toBeLessThanOrEqual(24)
  })

  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('packages/cli/package.json', 'utf8'))
    expect(await main(['--version'])).toBe(0)
    expect(await main(['synth', '--version'])).toBe(0)
    expect(out).toBe(`${version}\n${version}\n`)
  })

  it('explains the keys of a config without one', async () => {
    expect(await main(['train', '--help-config'])).toBe(0)
    expect(out).toContain('\ntrain.batch\n')
    out = ''
    expect(await main(['train', '--help-config', '--json'])).toBe(0)
    expect(JSON.parse(out)).toContainEqual({
      key: 'train.batch',
      meaning: expect.stringMatching(/\.$/),
      unit: 'patches',
      allowed: 'a whole number of 1 or more',
      defaults: { paper: 72, 'authors-code': 72, tiny: 4, voxnorm: 3 },
    })
    expect(err).toBe('')
  })

  it('answers mistakes with one block on stderr and 64', async () => {
    expect(await main(['sinth', 'x'])).toBe(64)
    expect(err).toMatch(/^error: unknown command "sinth"; did you mean synth\?\n {2}fix: the commands are /)
    err = ''
    expect(await main(['synth', 'x', '--sed', '3'])).toBe(64)
    expect(err).toBe(
      'error: voxnorm synth: unknown flag --sed; did you mean --seed?\n' +
        '  fix: voxnorm synth --help shows the flags, with an example\n',
    )
    expect(out).toBe('')
  })

  it('says what is missing with 66, and adds the stack only with --debug', async () => {
    expect(await main(['report', 'no-such-folder'])).toBe(66)
    expect(err).toBe(
      'error: no-such-folder: there is no such folder.\n  fix: give a run or prediction folder\n',
    )
    err = ''
    expect(await main(['report', 'no-such-folder', '--debug'])).toBe(66)
    expect(err).toContain('    at ')
  })

  it('ends a JSON log with the error as one more line of JSON', async () => {
    expect(await main(['report', 'no-such-folder', '--log-format', 'json'])).toBe(66)
    expect(err.split('\n')).toHaveLength(2)
    expect(JSON.parse(err)).toMatchObject({
      level: 'error',
      code: 66,
      message: 'no-such-folder: there is no such folder.\n  fix: give a run or prediction folder',
    })
  })

  it('warns that --set changes nothing where there is no config', async () => {
    await main(['report', 'no-such-folder', '--set', 'inference.stride=4'])
    expect(err).toContain('--set changes nothing here: voxnorm report reads no config')
    err = ''
    await main(['train', 'no-such.yaml', '-o', 'run', '--set', 'seed=4'])
    expect(err).not.toContain('--set changes nothing')
  })

  it('shows the list and ends with 64 when no command is given', async () => {
    expect(await main([])).toBe(64)
    expect(out).toContain('usage: voxnorm COMMAND')
  })
})
