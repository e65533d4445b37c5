import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigError } from '@voxnorm/data'
import { openDevice } from '@voxnorm/node'
import { EXIT, errorBlock, exitCodeOf } from '../../packages/cli/src/exit-codes.ts'
import { GoldenFolder } from './manifest.ts'
import { type CaseResult, resultRow, runCase } from './report.ts'

const USAGE = 'node test/golden/run.js FOLDER [--device NAME] [--only SUBSTRING] [--json]'

function readArguments(words: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { device: { type: 'string' }, only: { type: 'string' }, json: { type: 'boolean' } },
    })
    if (positionals.length === 1) return { folder: positionals[0]!, ...values }
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error), { fix: USAGE })
  }
  throw new ConfigError('Name one folder with golden numbers.', { fix: USAGE })
}

async function run(words: readonly string[]): Promise<number> {
  const { folder: path, device: name, only = '', json = false } = readArguments(words)
  const folder = new GoldenFolder(resolve(path))
  const cases = folder.cases.filter(({ id, op }) => id.includes(only) || op.includes(only))
  if (cases.length === 0) {
    throw new ConfigError(`${folder.path} has no case whose id or op contains "${only}".`, {
      fix: `its ops are ${[...new Set(folder.cases.map(({ op }) => op))].join(', ') || 'none'}`,
    })
  }
  const device = await openDevice(name)
  const results: CaseResult[] = []
  try {
    if (!json) console.log(device.description)
    for (const item of cases) {
      const result = await runCase(item, { folder, runtime: device.runtime })
      results.push(result)
      if (!json) console.log(resultRow(result))
    }
  } finally {
    device.close()
  }
  const failed = results.filter(({ passed }) => !passed).length
  const passed = results.length - failed
  if (json) console.log(JSON.stringify({ device: device.name, passed, failed, cases: results }, null, 2))
  else console.log(`${passed} passed, ${failed} failed`)
  return failed > 0 ? EXIT.someFailed : EXIT.done
}

/**
 * Runs the cases of a folder and prints a row for each. Resolves with the exit code: 0 all passed, 1 some failed, 64
 * wrong arguments, 65 no manifest, 66 missing folder, 69 no adapter.
 */
export async function main(words: readonly string[]): Promise<number> {
  try {
    return await run(words)
  } catch (error) {
    process.stderr.write(errorBlock(error))
    return exitCodeOf(error)
  }
}
