import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, makeWorkplace, voxnorm, voxnormUntil } from './program.ts'

describe.skipIf(!built || process.platform === 'win32')(
  'stderr without lines of others (needs the build)',
  () => {
    let place: ReturnType<typeof makeWorkplace>
    beforeAll(() => {
      place = makeWorkplace()
    })
    afterAll(() => place?.remove())

    const at = (...parts: string[]) => path.join(place.folder, ...parts)
    const train = (run: string) => ['train', 'config.yaml', '-o', run, '--device', 'software', '--quiet']
    const steps = (run: string) => {
      const file = at(run, 'metrics.jsonl')
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
    }

    it('holds nothing with --quiet, and JSON alone with --log-format json', () => {
      const quiet = voxnorm(place.folder, 'doctor', '--device', 'software', '--quiet')
      expect(quiet).toMatchObject({ code: 0, err: '' })
      expect(quiet.out).toContain('self-test: passed')
      const { code, err } = voxnorm(place.folder, 'doctor', '--device', 'software', '--log-format', 'json')
      expect(code).toBe(0)
      const lines = err.trimEnd().split('\n')
      expect(lines.map((line) => JSON.parse(line).event)).toContain('device')
    })

    it('holds the errors, and the exit code is that of the command', () => {
      const words = ['doctor', '--device', 'nonsense']
      const { code, err } = voxnorm(place.folder, ...words, '--quiet')
      expect(code).toBe(69)
      expect(err).toMatch(/^error: no WebGPU adapter is called "nonsense"\n/)
      const json = voxnorm(place.folder, ...words, '--log-format=json')
      expect(json.code).toBe(69)
      expect(JSON.parse(json.err)).toMatchObject({ level: 'error', event: 'failed', code: 69 })
    })

    it('passes on signals, which end a training in good order', async () => {
      const begun = () => steps('stopped') >= 3
      expect(await voxnormUntil(place.folder, begun, 'SIGTERM', ...train('stopped'))).toBe(75)
      expect(existsSync(at('stopped', 'checkpoints', 'latest.safetensors'))).toBe(true)
    })

    it.runIf(process.platform === 'linux')('shows what native code wrote after a crash', async () => {
      const words = ['doctor', '--device', 'software', '--log-format', 'json']
      const program = spawn(process.execPath, [path.resolve('packages/cli/bin/voxnorm.js'), ...words])
      let err = ''
      program.stderr.on('data', (text) => {
        err += text
      })
      const ended = new Promise((resolve) => program.on('close', (_code, signal) => resolve(signal)))
      const children = () => readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim()
      await until(() => children() !== '')
      process.kill(Number(children()), 'SIGSEGV')
      expect(await ended).toBe('SIGSEGV')
      expect(JSON.parse(err.trimEnd().split('\n').at(-1)!)).toMatchObject({
        level: 'error',
        event: 'crashed',
      })
    })

    it.runIf(process.platform === 'linux')('leaves no process behind when it is killed', async () => {
      const words = ['packages/cli/bin/voxnorm.js', ...train(at('killed')).with(1, at('config.yaml'))]
      const program = spawn(process.execPath, [path.resolve(words[0]!), ...words.slice(1)], {
        cwd: place.folder,
        stdio: 'ignore',
      })
      const ended = new Promise((resolve) => program.on('exit', (_code, signal) => resolve(signal)))
      const children = () => readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim()
      await until(() => children() !== '')
      const child = children()
      program.kill('SIGKILL')
      expect(await ended).toBe('SIGKILL')
      await until(() => !existsSync(`/proc/${child}`))
      expect(existsSync(at('killed', 'report.html'))).toBe(false)
    })
  },
)

/** Waits for a condition; the limit of the test is there against waiting forever. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}
