// npm test: sets the checkout up, runs every test, and ends with the line "N passed, N failed".
// With --checks (continuous integration) lint, types, unused code and the published packages count as one test each.
// Other arguments go to vitest: `npm test -- packages/data`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run, runTool, setup } from './setup.mjs'

const CHECKS = [
  { name: 'lint and format', check: () => runTool('@biomejs/biome', ['check', '.']) },
  { name: 'types', check: () => runTool('typescript', ['-b']) },
  { name: 'unused code and dependencies', check: () => runTool('knip', []) },
  {
    name: 'packages as they are published',
    check: () => run(process.execPath, [join(root, 'scripts', 'lint-packages.mjs')]),
  },
]

const words = process.argv.slice(2)
const withChecks = words.includes('--checks')
const ready = setup()
const counts = ready
  ? runTests(words.filter((word) => word !== '--checks'))
  : { passed: 0, failed: 1, skipped: 0 }
for (const { name, check } of ready && withChecks ? CHECKS : []) {
  console.log(`\n${name}`)
  const passed = check() === 0
  console.log(`${name}: ${passed ? 'passed' : 'FAILED'}`)
  counts[passed ? 'passed' : 'failed']++
}
if (counts.skipped > 0) console.log(`\n${counts.skipped} skipped`)
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'voxnorm-test-'))
  const file = join(folder, 'results.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const status = runTool('vitest', ['run', ...reporters, ...args])
    return count(JSON.parse(readFileSync(file, 'utf8')), status)
  } catch (error) {
    console.error(`the test runner gave no results: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file that does not load has no tests to count, yet it failed; so did a run that ended badly in other ways. */
function count(results, status) {
  const broken = results.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  const failed = results.numFailedTests + broken.length
  return {
    passed: results.numPassedTests,
    failed: status !== 0 ? Math.max(failed, 1) : failed,
    skipped: results.numPendingTests + (results.numTodoTests ?? 0),
  }
}
