#!/usr/bin/env node
// node bench/gpu/run.js [--only SECTIONS] [--device NAME] [--out FILE.json] [--small]: everything that is to be measured on
// a GPU, and PyTorch beside it. Plain JavaScript, because the machine with the GPU may have nothing but Node and a build.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { jobsOf, SECTIONS, SIZES, SMALL_SIZES } from './jobs.js'
import { report } from './report.js'

/** Some such machines stop a command after ten minutes. */
const SECONDS_IN_ALL = 540
const ROOT = join(import.meta.dirname, '..', '..')
const USAGE = `usage: node bench/gpu/run.js [--only ${SECTIONS.join(',')}] [--device NAME] [--out FILE.json] [--small]
  --small tries everything out with small networks, on any adapter`
const EXIT = { done: 0, failed: 1, usage: 64, noAdapter: 69 }

/** The command line as built, else the single file of a machine without network (docs/measuring.md). */
const VOXNORM = ['bin/voxnorm.js', 'dist/standalone.mjs']
  .filter((file) => file !== 'bin/voxnorm.js' || existsSync(join(ROOT, 'packages/cli/dist/main.js')))
  .map((file) => join(ROOT, 'packages/cli', file))
  .find((file) => existsSync(file))

const COMMANDS = {
  voxnorm: [process.execPath, VOXNORM],
  'pytorch.py': [process.env['PYTHON'] ?? 'python3', join(import.meta.dirname, 'pytorch.py')],
  vitest: [process.execPath, join(ROOT, 'node_modules/vitest/vitest.mjs')],
}

/** Runs a process to its end or its limit, and says what it printed and what went wrong, if anything, in a sentence. */
function run([program, ...words], seconds, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: ROOT, env: { ...process.env, ...env } })
    const said = { stdout: '', stderr: '' }
    let late = false
    const limit = setTimeout(() => {
      late = true
      child.kill()
    }, seconds * 1000)
    const end = (code, problem) => {
      clearTimeout(limit)
      const failed = late
        ? `stopped after ${Math.round(seconds)} s`
        : code === 0
          ? null
          : complaintOf(said, problem)
      resolve({ ...said, failed })
    }
    for (const stream of ['stdout', 'stderr']) {
      child[stream].on('data', (bytes) => {
        said[stream] += bytes
      })
    }
    child.on('error', (error) => end(1, error.message))
    child.on('close', (code, signal) => end(code ?? 1, `ended with ${signal ?? `exit code ${code}`}`))
  })
}

/** The line of a failed process that says what was wrong. */
function complaintOf({ stdout, stderr }, problem) {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim())
  return lines.findLast((line) => /error[:\]]|^\w*Error|FAIL/i.test(line)) ?? problem
}

/** Runs one job; its rows are there even where it failed half-way. */
async function measure({ program, words, seconds }, device, folder) {
  const out = join(folder, 'rows.json')
  rmSync(out, { force: true })
  if (!existsSync(COMMANDS[program][1])) return { failed: `${program} is not installed here`, rows: [] }
  const own = program === 'voxnorm' ? ['--device', device, '--out', out] : []
  const env = { VOXNORM_TEST_DEVICE: device, NO_COLOR: '1' }
  const { stdout, failed } = await run([...COMMANDS[program], ...words, ...own], seconds, env)
  if (program === 'voxnorm') return { failed, rows: failed ? [] : JSON.parse(readFileSync(out, 'utf8')).rows }
  if (program === 'vitest') return { failed, rows: [] }
  const [about, ...answers] = stdout
    .split('\n')
    .filter(isWholeObject)
    .map((line) => JSON.parse(line))
  const failures = answers.flatMap((answer) => answer.failed ?? [])
  return {
    failed: failed ?? (failures.length > 0 ? failures.join('; ') : null),
    rows: answers.filter((answer) => !answer.failed),
    pytorch: about,
  }
}

const isWholeObject = (line) => line.startsWith('{') && line.endsWith('}')

/** What doctor says of the adapter, or why nothing can be measured on it. */
async function examine(device, small) {
  const { stdout, failed } = await run([...COMMANDS.voxnorm, 'doctor', '--json', '--device', device], 60)
  if (failed) return { problem: failed }
  const { adapters, chosen, toggles } = JSON.parse(stdout)
  const { name, type, driver } = adapters[chosen]
  if (type === 'software' && !small) {
    return {
      problem: `${name} is a software renderer: nothing can be learnt of GPUs on it (--small tries this out)`,
    }
  }
  const switches = Object.entries(toggles).map(([way, names]) => `${way} ${names.join(', ')}`)
  return { name, about: { adapter: name, driver, toggles: switches.join('; ') } }
}

async function commitOf() {
  const git = async (...words) => (await run(['git', ...words], 10)).stdout.trim()
  const head = await git('rev-parse', '--short', 'HEAD')
  return head ? head + ((await git('status', '--porcelain', '-uno')) ? '+changes' : '') : 'unknown'
}

async function main() {
  const options = {
    only: { type: 'string', default: SECTIONS.join(',') },
    device: { type: 'string', default: 'auto' },
    out: { type: 'string', default: 'bench/results/gpu.json' },
    small: { type: 'boolean', default: false },
  }
  let flags
  try {
    flags = parseArgs({ options }).values
    const strange = flags.only.split(',').find((section) => !SECTIONS.includes(section))
    if (strange !== undefined) throw new RangeError(`there is no section "${strange}"`)
    if (!flags.out.endsWith('.json')) throw new RangeError(`--out ${flags.out} is no .json file`)
  } catch (error) {
    console.error(`error: ${error.message}\n${USAGE}`)
    return EXIT.usage
  }
  if (!VOXNORM) {
    console.error(
      'error: voxnorm is not built\n  fix: npx turbo run build, or see docs/measuring.md for one file',
    )
    return EXIT.noAdapter
  }
  const { name, about, problem } = await examine(flags.device, flags.small)
  if (problem) {
    console.error(`error: ${problem}`)
    return EXIT.noAdapter
  }
  console.log(`measuring on ${name}`)
  const sizes = flags.small ? SMALL_SIZES : SIZES
  const record = {
    commit: await commitOf(),
    ...about,
    command: `node bench/gpu/run.js ${process.argv.slice(2).join(' ')}`.trim(),
    started: new Date().toISOString(),
    pytorch: null,
    jobs: [],
  }
  mkdirSync(dirname(flags.out), { recursive: true })
  const folder = mkdtempSync(join(tmpdir(), 'voxnorm-gpu-'))
  const begin = performance.now()
  for (const job of jobsOf(sizes).filter(({ section }) => flags.only.split(',').includes(section))) {
    const start = performance.now()
    const left = SECONDS_IN_ALL - (start - begin) / 1000
    const { rows, failed, pytorch } =
      left > 1
        ? await measure({ ...job, seconds: Math.min(job.seconds, left) }, flags.device, folder)
        : { rows: [], failed: `not run, since ${SECONDS_IN_ALL} s were over: use --only ${job.section}` }
    const seconds = (performance.now() - start) / 1000
    const command = [job.program, ...job.words].join(' ')
    record.jobs.push({ section: job.section, command, seconds, failed, rows })
    record.pytorch ??= pytorch ?? null
    console.log(`${seconds.toFixed(0).padStart(4)} s  ${command}: ${failed ?? 'done'}`)
    // A machine may be taken away at any moment: what is measured by then is kept.
    writeFileSync(flags.out, `${JSON.stringify(record, null, 2)}\n`)
    writeFileSync(flags.out.replace(/\.json$/, '.md'), report(record, sizes))
  }
  rmSync(folder, { recursive: true })
  console.log(`\n${report(record, sizes)}`)
  return record.jobs.some(({ failed }) => failed) ? EXIT.failed : EXIT.done
}

process.exitCode = await main()
