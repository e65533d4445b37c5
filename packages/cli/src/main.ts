import { ConfigError } from '@voxnorm/data/errors'
import { nearest } from '@voxnorm/pipeline/words'
import {
  joinParent,
  mustRunApart,
  runApart,
  stderrDescriptor,
  stderrIsTerminal,
  writeStderr,
} from './apart.ts'
import type { Command, CommandInput, CommandResult } from './command.ts'
import { commonFlagLines, hasFlag, helpPage, parseArguments, textFlag } from './command-line.ts'
import { EXIT, type ExitCode, errorBlock, exitCodeOf } from './exit-codes.ts'
import { openHeartbeat } from './heartbeat.ts'
import { openLog } from './progress.ts'
import { version } from './version.ts'

/** After so much silence a command says that it is alive. */
const SILENCE_SECONDS = 13

interface Verb {
  readonly name: string
  readonly summary: string
  /** Commands are loaded when they are asked for, so that help and small verbs start at once. */
  readonly load: () => Promise<Command>
}

const VERBS: readonly Verb[] = [
  {
    name: 'synth',
    summary: 'write a synthetic multi-site dataset',
    load: async () => (await import('./commands/synth.ts')).synth,
  },
  {
    name: 'train',
    summary: 'train the networks on a dataset',
    load: async () => (await import('./commands/train.ts')).train,
  },
  {
    name: 'predict',
    summary: 'normalise and segment volumes',
    load: async () => (await import('./commands/predict.ts')).predict,
  },
  {
    name: 'evaluate',
    summary: 'score predictions and harmonisation',
    load: async () => (await import('./commands/evaluate.ts')).evaluate,
  },
  {
    name: 'reproduce',
    summary: "repeat the paper's experiments on a phantom or any data",
    load: async () => (await import('./commands/reproduce.ts')).reproduce,
  },
  {
    name: 'report',
    summary: 'one self-contained HTML page per run or prediction folder',
    load: async () => (await import('./commands/report.ts')).report,
  },
  {
    name: 'doctor',
    summary: 'which GPUs there are, whether they work, and how to fix it',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'bench',
    summary: 'check and time kernels and whole runs, against the roofline',
    load: async () => (await import('./commands/bench.ts')).bench,
  },
]

/** Opens a device. Its code is loaded when it is needed, so that help and small verbs start at once. */
export const openDevice: CommandInput['openDevice'] = async (name) =>
  (await import('@voxnorm/node')).openDevice(name)

/**
 * Runs one command line (without `node` and the program's name) and returns the exit code.
 *
 * Results go to stdout, everything else to stderr; no error leaves this function. Who runs many command lines in one
 * process can keep a device open between them with an `open` of their own.
 */
export async function main(words: readonly string[], open = openDevice): Promise<ExitCode> {
  ignoreClosedPipe()
  const debug = words.includes('--debug')
  try {
    return await runWords(words, open)
  } catch (error) {
    writeStderr(errorBlock(error, debug))
    return exitCodeOf(error)
  }
}

/**
 * As {@link main}, for a process that exists for one command line alone. Where stderr is promised to hold nothing of
 * others, the command runs in a further process, see apart.ts.
 */
export function program(words: readonly string[]): Promise<number> {
  if (mustRunApart(words)) return runApart(words)
  joinParent()
  return main(words)
}

async function runWords(words: readonly string[], open: typeof openDevice): Promise<ExitCode> {
  const [first, ...rest] = words
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(overview())
    return first === undefined ? EXIT.usage : EXIT.done
  }
  if (first === '--version') {
    process.stdout.write(`${version()}\n`)
    return EXIT.done
  }
  const verb = VERBS.find(({ name }) => name === first)
  if (verb === undefined) throw unknownVerb(first)
  const command = await verb.load()
  const parsed = parseArguments(command, rest)
  if (hasFlag(parsed, 'help')) {
    process.stdout.write(helpPage(command))
    return EXIT.done
  }
  if (hasFlag(parsed, 'version')) {
    process.stdout.write(`${version()}\n`)
    return EXIT.done
  }
  const format = textFlag(parsed, 'log-format') === 'json' ? 'json' : 'text'
  const terminal = stderrIsTerminal()
  // A line that is rewritten in place shows where a command is; a file of lines needs one now and then.
  const heartbeat =
    terminal && format === 'text'
      ? undefined
      : openHeartbeat({ descriptor: stderrDescriptor(), format, period: SILENCE_SECONDS })
  const log = openLog({
    write: writeStderr,
    terminal,
    format,
    quiet: hasFlag(parsed, 'quiet'),
    now: Date.now,
    ...(heartbeat && { heartbeat }),
  })
  if (hasFlag(parsed, 'set') && command.configurable !== true) {
    log.warning('set', `--set changes nothing here: voxnorm ${command.name} reads no config`)
  }
  try {
    const result = await command.run({ arguments: parsed, log, words, openDevice: open })
    print(result, hasFlag(parsed, 'json'))
    return result.exitCode
  } catch (error) {
    if (format === 'text') throw error
    // Whoever reads the log line by line as JSON must be able to read its end, too.
    const message = errorBlock(error, hasFlag(parsed, 'debug')).trimEnd()
    log.error('failed', message.replace(/^error: /, ''), { code: exitCodeOf(error) })
    return exitCodeOf(error)
  } finally {
    log.endProgress()
    heartbeat?.stop()
  }
}

function print(result: CommandResult, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(result.document, null, 2)}\n`)
  else if (result.text !== '')
    process.stdout.write(result.text.endsWith('\n') ? result.text : `${result.text}\n`)
}

function overview(): string {
  const width = Math.max(...VERBS.map(({ name }) => name.length))
  const lines = VERBS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'voxnorm makes brain MRI of several sites look alike and segments the tissues.',
    '',
    'usage: voxnorm COMMAND [flags], explained by voxnorm COMMAND --help',
    ...lines,
    'flags of every command:',
    ...commonFlagLines(),
    '',
    'example: voxnorm synth demo-data && voxnorm doctor',
    '',
  ].join('\n')
}

function unknownVerb(word: string): ConfigError {
  const names = VERBS.map(({ name }) => name)
  const close = nearest(word, names)
  const guess = close === undefined ? '' : `; did you mean ${close}?`
  return new ConfigError(`unknown command "${word}"${guess === '' ? '.' : guess}`, {
    fix: `the commands are ${names.join(', ')}; voxnorm --help explains them`,
  })
}

/** A reader that closes early (`voxnorm doctor | head -1`) is no error. */
function ignoreClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.listenerCount('error') > 0) continue
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}
