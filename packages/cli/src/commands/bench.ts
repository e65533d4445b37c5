import path from 'node:path'
import { ConfigError } from '@voxnorm/data'
import { makeFolder, writeFileAtomically } from '@voxnorm/data/node'
import {
  caseTable,
  contest,
  KERNEL_TARGETS,
  type KernelProblem,
  type KernelTarget,
  type Measurement,
  measurePrediction,
  measureStep,
  parseShapes,
  type Row,
  rowOf,
  rowsCsv,
} from '@voxnorm/measuring'
import type { Log, OpenDevice } from '@voxnorm/pipeline'
import { type Config, parseConfig } from '@voxnorm/pipeline/training'
import { nearest } from '@voxnorm/pipeline/words'
import { kernelOf } from '@voxnorm/tensor'
import { measureMatrixPeak, measureRoof } from '@voxnorm/tensor/tuning'
import type { Command } from '../command.ts'
import { hasFlag, listFlag, numberFlag, textFlag } from '../command-line.ts'
import { EXIT } from '../exit-codes.ts'
import { commit, version } from '../version.ts'

const WHOLE_RUNS = { step: measureStep, predict: measurePrediction } as const
type WholeRun = keyof typeof WHOLE_RUNS
const WHOLE_RUN_NAMES = Object.keys(WHOLE_RUNS) as WholeRun[]
const WORDS = ['conv3d', ...KERNEL_TARGETS.map(({ name }) => name), ...WHOLE_RUN_NAMES]

/** What is to be timed. */
interface Selection {
  readonly kernels: readonly KernelTarget[]
  readonly wholeRuns: readonly WholeRun[]
}

/** `voxnorm bench`: checks kernels and whole runs against float64, times them, and compares with the roofline. */
export const bench: Command = {
  name: 'bench',
  configurable: true,
  summary: 'Times conv3d[.forward|.input|.weight], upconv3d[…], norm, pool, step, predict.',
  usage: 'bench [TARGET] [flags]',
  positionals: { name: 'TARGET', minimum: 0, maximum: 1 },
  flags: [
    {
      name: 'shape',
      aliases: ['sweep'],
      kind: 'list',
      value: 'SHAPE',
      help: 'like size=8..32,in=4/8; conv3d: unet, unet-f16',
    },
    { name: 'kernel', kind: 'list', value: 'NAME', help: 'these and the plain one (all that fit)' },
    { name: 'variants', kind: 'switch', help: 'also their other tiles and shares' },
    { name: 'rounds', kind: 'integer', value: 'N', help: 'times that each is timed, in turns (5)' },
    { name: 'out', short: 'o', kind: 'text', value: 'FILE', help: 'also write rows to a .csv or .json' },
  ],
  example: 'voxnorm bench conv3d.forward --shape size=16,in=32,out=32',
  async run({ arguments: parsed, log, words, openDevice }) {
    const selection = selectTargets(parsed.positionals[0])
    const texts = listFlag(parsed, 'shape')
    const rounds = numberFlag(parsed, 'rounds') ?? 5
    const wanted = listFlag(parsed, 'kernel')
    const variants = hasFlag(parsed, 'variants')
    const out = textFlag(parsed, 'out')
    checkFlags(selection, { texts, rounds, wanted, variants, out })
    const problemsOf = (software: boolean) =>
      selection.kernels.flatMap(({ keys, shapes, sets = {}, problems }) => {
        const asked = texts.length > 0 ? texts : [software ? shapes.software : shapes.hardware]
        return asked.flatMap((text) => sets[text] ?? parseShapes(text, keys)).flatMap(problems)
      })
    // Mistakes are found before a device is opened.
    checkKernels(problemsOf(true), wanted)
    const overrides = { set: listFlag(parsed, 'set'), seed: numberFlag(parsed, 'seed') }
    const configOf = (software: boolean) =>
      parseConfig(`preset: ${software ? 'tiny' : 'paper'}`, 'the defaults of bench', overrides)
    configOf(true)

    if (out !== undefined) makeFolder(path.dirname(out))

    const device = await openDevice(textFlag(parsed, 'device'))
    try {
      const rows = await measure(device, {
        problems: problemsOf(device.software),
        wholeRuns: selection.wholeRuns,
        config: configOf(device.software),
        wanted,
        variants,
        rounds,
        log,
      })
      if (out !== undefined) {
        const record = {
          version: version(),
          commit: commit(),
          adapter: device.description,
          command: `voxnorm ${words.join(' ')}`,
          rows,
        }
        const json = `${JSON.stringify(record, null, 2)}\n`
        writeFileAtomically(out, out.endsWith('.csv') ? rowsCsv(rows) : json)
      }
      return { exitCode: EXIT.done, document: rows, text: describe(device.description, rows) }
    } finally {
      device.close()
    }
  },
}

function selectTargets(word: string | undefined): Selection {
  if (word === undefined) return { kernels: KERNEL_TARGETS, wholeRuns: WHOLE_RUN_NAMES }
  const kernels = KERNEL_TARGETS.filter(({ name }) => name === word || name.startsWith(`${word}.`))
  const wholeRuns = WHOLE_RUN_NAMES.filter((name) => name === word)
  if (kernels.length + wholeRuns.length > 0) return { kernels, wholeRuns }
  const close = nearest(word, WORDS)
  throw new ConfigError(
    `there is nothing to bench called "${word}"${close === undefined ? '.' : `; did you mean ${close}?`}`,
    { fix: `the targets are ${WORDS.join(', ')}` },
  )
}

interface Flags {
  readonly texts: readonly string[]
  readonly rounds: number
  readonly wanted: readonly string[]
  readonly variants: boolean
  readonly out: string | undefined
}

function checkFlags({ wholeRuns }: Selection, { texts, rounds, wanted, variants, out }: Flags): void {
  if (rounds < 1) throw new ConfigError('--rounds is 0, but nothing can be said without a round.')
  if (wholeRuns.length > 0 && (texts.length + wanted.length > 0 || variants)) {
    throw new ConfigError('--shape, --kernel and --variants are for kernels, not for whole runs.', {
      fix: `name one of ${KERNEL_TARGETS.map(({ name }) => name).join(', ')}; step and predict go by --set`,
    })
  }
  if (out !== undefined && !/\.(csv|json)$/.test(out)) {
    throw new ConfigError(`--out ${out} is neither a .csv nor a .json file.`, { fix: 'end its name in one' })
  }
}

function checkKernels(problems: readonly KernelProblem[], wanted: readonly string[]): void {
  const known = [...new Set(problems.flatMap(({ opCase }) => opCase.op.kernels.map(({ name }) => name)))]
  for (const name of wanted) {
    if (known.includes(kernelOf(name))) continue
    const close = nearest(name, known)
    throw new ConfigError(
      `there is no kernel called "${name}"${close === undefined ? '.' : `; did you mean ${close}?`}`,
      { fix: `the kernels here are ${known.join(', ')}` },
    )
  }
}

interface Job {
  readonly problems: readonly KernelProblem[]
  readonly wholeRuns: Selection['wholeRuns']
  readonly config: Config
  readonly wanted: readonly string[]
  readonly variants: boolean
  readonly rounds: number
  readonly log: Log
}

async function measure(device: OpenDevice, job: Job): Promise<readonly Row[]> {
  const { problems, wholeRuns, config, log } = job
  const { runtime } = device
  log.info('device', `timing on ${device.description}`)
  const roof = await measureRoof(runtime)
  const storesHalves =
    problems.some(({ opCase }) => opCase.inputs[0]!.spec.dtype === 'f16') ||
    config.train.precision === 'mixed'
  const gflops = (storesHalves && (await measureMatrixPeak(runtime))) || roof.gflops
  const roofs = { f32: roof, u32: roof, f16: { ...roof, gflops } }
  const row = (one: Measurement, plain?: Measurement) =>
    rowOf(one, { name: device.name, software: device.software, roof: roofs[one.dtype] }, plain)
  const rows: Row[] = []
  const total = problems.length + wholeRuns.length
  let done = 0
  const report = (detail: string) =>
    log.progress({ what: 'bench', done: done++, total, unit: 'cases', detail })
  for (const problem of problems) {
    report(`${problem.target} ${problem.name}`)
    const measurements = await contest(runtime, problem, job)
    const isWanted = (way: string) => job.wanted.includes(way) || job.wanted.includes(kernelOf(way))
    if (job.wanted.length > 0 && !measurements.some(({ kernel }) => isWanted(kernel))) {
      log.warning('kernel', `${job.wanted.join(', ')} does not fit ${problem.target} ${problem.name}`)
    }
    rows.push(...measurements.map((one) => row(one, measurements.at(-1))))
  }
  for (const name of wholeRuns) {
    report(name)
    rows.push(row(await WHOLE_RUNS[name](runtime, config, job.rounds)))
  }
  return rows
}

function describe(description: string, rows: readonly Row[]): string {
  const cases = new Map<string, Row[]>()
  for (const row of rows) {
    const name = `${row.target} ${row.case}`
    cases.set(name, [...(cases.get(name) ?? []), row])
  }
  const peaks = new Map(rows.map(({ dtype, peak_gflops }) => [dtype, peak_gflops]))
  const products = [...peaks].map(
    ([dtype, gflops]) =>
      `${gflops.toPrecision(3)} GFLOP/s of multiply-adds${dtype === 'f16' ? ' of halves' : ''}`,
  )
  return [
    description,
    `measured now: ${products.join(', ')}, ${rows[0]!.peak_gbps.toPrecision(3)} GB/s of copying; * marks what plans take`,
    ...[...cases.values()].map((group) => `\n${caseTable(group)}`),
  ].join('\n')
}
