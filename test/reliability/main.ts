import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killPredictions, preparePredictions } from './kill.ts'

const USAGE = 'node test/reliability/run.js [--subjects 200] [--kills 20] [--seed 1] [--device software]'

/**
 * Kills a prediction of many phantoms again and again, and compares what it ends with to an undisturbed run. Resolves
 * with 0 when both are the same, else 1; 64 for wrong arguments.
 */
export async function main(words: readonly string[]): Promise<number> {
  const read = (text: string) => {
    if (/^[1-9]\d*$/.test(text)) return Number(text)
    throw new Error(`"${text}" is not a whole number above 0`)
  }
  let options: {
    readonly subjects: number
    readonly kills: number
    readonly seed: number
    readonly device: string
  }
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        subjects: { type: 'string', default: '200' },
        kills: { type: 'string', default: '20' },
        seed: { type: 'string', default: '1' },
        device: { type: 'string', default: 'software' },
      },
    })
    const { subjects, kills, seed, device } = values
    options = { subjects: read(subjects), kills: read(kills), seed: read(seed), device }
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n  fix: ${USAGE}\n`)
    return 64
  }
  const folder = mkdtempSync(join(tmpdir(), 'voxnorm-kill-'))
  try {
    const undisturbed = await preparePredictions(folder, options, console.log)
    const { kills, different, files } = await killPredictions(folder, undisturbed, options, console.log)
    for (const name of different) console.log(`not as in the undisturbed run: ${name}`)
    const right = different.length === 0
    console.log(
      `${kills} kills, ${files} files, ${different.length} different: ${right ? 'complete and the same bytes' : 'WRONG'}`,
    )
    return right ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
