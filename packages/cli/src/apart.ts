import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { Worker } from 'node:worker_threads'
import { EXIT, errorBlock } from './exit-codes.ts'
import { openLog } from './progress.ts'

/*
 * Dawn and the Vulkan loader write warnings of their own to descriptor 2. Neither has a switch for that, and Node cannot
 * redirect a descriptor of its own process. So where stderr must hold nothing but our lines, the command runs in a process
 * whose descriptor 2 is a pipe, and whose descriptor 3 is the stderr that people read.
 */

/** Tells the process that `runApart` starts what it is. */
const VARIABLE = 'VOXNORM_APART'
const OWN_STDERR = 3
const PARENT = 4

const isApart = process.env[VARIABLE] === '1'
delete process.env[VARIABLE]

/** Commands that open a device. */
const USERS_OF_DEVICES: ReadonlySet<string | undefined> = new Set([
  'train',
  'predict',
  'reproduce',
  'doctor',
  'bench',
])

/** So much of what drivers wrote is shown after a crash. */
const KEPT_CHARACTERS = 8192

/** Whether a command line promises a stderr without foreign lines, and may load what writes them. */
export function mustRunApart([command, ...words]: readonly string[]): boolean {
  if (isApart || process.platform === 'win32' || !USERS_OF_DEVICES.has(command)) return false
  if (words.some((word) => ['--help', '-h', '--version'].includes(word))) return false
  return words.includes('--quiet') || isJson(words)
}

const isJson = (words: readonly string[]): boolean =>
  words.includes('--log-format=json') || words[words.indexOf('--log-format') + 1] === 'json'

/**
 * Runs the same program with these words in a process of its own and returns its exit code. stdin and stdout are shared,
 * signals are passed on, and a signal that ends the one process ends the other. What native code wrote to stderr is shown
 * only when the process crashes.
 */
export async function runApart(words: readonly string[]): Promise<number> {
  // Loaded here, so that help starts at once.
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words], {
    // In a group of its own, so that Ctrl-C reaches it once: by way of this process.
    detached: true,
    env: { ...process.env, [VARIABLE]: '1' },
    stdio: ['inherit', 'inherit', 'pipe', 2, 'pipe'],
  })
  const release = passOnSignals((signal) => child.kill(signal))
  let native = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    native = (native + text).slice(-KEPT_CHARACTERS)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      release()
      const known: readonly (number | null)[] = Object.values(EXIT)
      if (!known.includes(code) && signal !== 'SIGINT' && signal !== 'SIGTERM') {
        const format = isJson(words) ? 'json' : 'text'
        const log = openLog({ write: writeStderr, terminal: false, format, quiet: true, now: Date.now })
        log.error('crashed', `the program was ended by ${signal ?? `code ${code}`}. ${native}`.trim())
      }
      if (signal !== null) process.kill(process.pid, signal)
      resolve(code ?? EXIT.someFailed)
    })
  })
}

/** Hands stop signals to `send`, and stops and continues with the other process. Returns what ends that. */
function passOnSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const passed = (['SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGCONT'] as const).map((signal) => {
    return [signal, () => send(signal)] as const
  })
  const suspend = () => {
    send('SIGSTOP')
    process.kill(process.pid, 'SIGSTOP')
  }
  const listeners = [...passed, ['SIGTSTP', suspend] as const]
  for (const [signal, listener] of listeners) process.on(signal, listener)
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}

/** Writes to the stderr that people read. */
export function writeStderr(text: string): void {
  if (isApart) writeFully(Buffer.from(text))
  else process.stderr.write(text)
}

/** The descriptor of the stderr that people read. */
export const stderrDescriptor = (): number => (isApart ? OWN_STDERR : process.stderr.fd)

/** Whether people read stderr on a terminal. */
export const stderrIsTerminal = (): boolean => (isApart ? isatty(OWN_STDERR) : process.stderr.isTTY === true)

function writeFully(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(OWN_STDERR, bytes, at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A reader that closed early is no error.
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/**
 * In a process that `runApart` started: ends it with the one that waits for it, however that ends, and says where people
 * read it what would go to descriptor 2. Elsewhere nothing.
 */
export function joinParent(): void {
  if (!isApart) return
  process.on('uncaughtException', (error) => {
    writeStderr(errorBlock(error, true))
    process.exit(EXIT.someFailed)
  })
  // On a thread, because the main one may compute for seconds without a look at its events.
  const watch = `const { Socket } = require('node:net')
const parent = new Socket({ fd: ${PARENT}, readable: true, writable: false })
parent.resume().on('close', () => process.kill(process.pid, 'SIGKILL'))`
  new Worker(watch, { eval: true }).unref()
}
