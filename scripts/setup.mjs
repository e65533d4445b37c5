// Brings a fresh checkout on a machine with only Node and npm to the point where it runs:
// checks Node, installs what the lockfile says, builds every package.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** The checkout's folder; every tool runs there. */
export const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')

/** Checks, installs and builds. True when all went well; what went wrong was printed. */
export function setup() {
  const problem = nodeProblem() ?? installProblem() ?? buildProblem()
  if (problem) console.error(`voxnorm: ${problem}`)
  return problem === undefined
}

/** Runs a tool of the root's devDependencies with this Node, as `run` does, and returns its exit status. */
export function runTool(name, args, options = {}) {
  const folder = join(root, 'node_modules', ...name.split('/'))
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const command = name.split('/').at(-1) === 'typescript' ? 'tsc' : name.split('/').at(-1)
  const script = typeof bin === 'string' ? bin : bin[command]
  return run(process.execPath, [join(folder, script), ...args], options)
}

/** Runs a program at the root, its output shown, nobody at the keyboard; returns its exit status. */
export function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    env: environment(),
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  })
  if (error) console.error(`${program}: ${error.message}`)
  return status ?? 1
}

function nodeProblem() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return undefined
  return `needs Node 20.19 or newer, and this is ${process.versions.node}. Install a current Node and try again.`
}

/** pnpm keeps a copy of the lockfile that it installed; while that is the same, there is nothing to do. */
function installProblem() {
  const wanted = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8')
  const installed = join(root, 'node_modules', '.pnpm', 'lock.yaml')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return undefined
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const args = ['--yes', packageManager, 'install', '--frozen-lockfile']
  console.log(`voxnorm: installing the dependencies: npx ${args.join(' ')}`)
  // On Windows npx is a script that only a shell can start.
  if (run('npx', args, { shell: process.platform === 'win32' }) === 0) return undefined
  return 'the dependencies could not be installed; see above. The npm registry must be reachable the first time.'
}

function buildProblem() {
  const status = runTool('turbo', ['run', 'build', '--output-logs=errors-only'])
  return status === 0 ? undefined : 'the build failed; see above.'
}

function environment() {
  const home = usableHome()
  return {
    ...process.env,
    // An outer npm without a home hands down a cache folder that is literally called "~".
    ...(home === homedir() ? {} : { npm_config_cache: join(home, '.npm') }),
    // pnpm, turbo and vitest ask no questions and draw no moving pictures.
    CI: 'true',
    TURBO_TELEMETRY_DISABLED: '1',
    HOME: home,
    // turbo looks for pnpm on PATH, and a machine with only npm has none.
    PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  }
}

/** npm and pnpm keep their caches at home, which may be unset, missing or read-only on a build machine. */
function usableHome() {
  try {
    accessSync(homedir() || '/nonexistent', constants.W_OK)
    return homedir()
  } catch {
    const home = join(tmpdir(), 'voxnorm-home')
    mkdirSync(home, { recursive: true })
    return home
  }
}
