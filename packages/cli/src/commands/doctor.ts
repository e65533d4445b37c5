import type { AdapterSurvey } from '@voxnorm/node'
import { listAdapters } from '@voxnorm/node'
import type { Command } from '../command.ts'
import { textFlag } from '../command-line.ts'
import { EXIT } from '../exit-codes.ts'
import { measureSpeed, type SelfTest, selfTest } from '../self-test.ts'

/** The document of `doctor --json`. */
interface Diagnosis extends AdapterSurvey {
  readonly selfTest: SelfTest
  readonly gflops: number
}

/** `voxnorm doctor`: which GPUs there are, whether they compute correctly, how fast, and how to get a better one. */
export const doctor: Command = {
  name: 'doctor',
  summary: 'Shows the GPUs, tests the one to be used, and says how to get a better one.',
  usage: 'doctor [flags]',
  positionals: { name: 'ARGUMENT', minimum: 0, maximum: 0 },
  flags: [],
  example: 'voxnorm doctor --device software',
  async run({ arguments: parsed, log, openDevice }) {
    const device = textFlag(parsed, 'device')
    const survey = await listAdapters()
    const none = { passed: false, maxRelativeError: Number.NaN }
    if (survey.adapters.length === 0) {
      const document = { ...survey, selfTest: none, gflops: 0 }
      return { exitCode: EXIT.noAdapter, document, text: describe(document) }
    }
    const opened = await openDevice(device)
    log.info('device', `testing ${opened.description}`)
    try {
      const test = await selfTest(opened.runtime)
      const gflops = test.passed ? await measureSpeed(opened.runtime) : 0
      const chosen =
        device === undefined ? survey.chosen : survey.adapters.findIndex(({ name }) => name === opened.name)
      const document: Diagnosis = { ...survey, chosen, selfTest: test, gflops }
      return { exitCode: test.passed ? EXIT.done : EXIT.noAdapter, document, text: describe(document) }
    } finally {
      opened.close()
    }
  },
}

function describe({ adapters, chosen, selfTest, gflops, advice }: Diagnosis): string {
  const lines = [adapters.length === 0 ? 'No usable WebGPU adapter was found.' : 'adapters:']
  adapters.forEach(({ name, type, backend, features, limits }, index) => {
    lines.push(`${index === chosen ? '  * ' : '    '}${name} (${type}, ${backend})`)
    const binding = Math.round((limits.maxStorageBufferBindingSize ?? 0) / 2 ** 20)
    const extras = ['shader-f16', 'subgroups', 'timestamp-query'].filter((feature) =>
      features.includes(feature),
    )
    lines.push(
      `      largest binding ${binding} MiB; ${extras.length > 0 ? extras.join(', ') : 'no optional features'}`,
    )
  })
  if (chosen >= 0) {
    lines.push(
      `self-test: ${selfTest.passed ? 'passed' : 'FAILED'}, largest relative error ${selfTest.maxRelativeError.toExponential(1)}`,
      `speed: ${gflops.toPrecision(3)} GFLOP/s (3D convolution, float32)`,
    )
    if (!selfTest.passed)
      lines.push('  this adapter computes wrong numbers: update its driver or choose another --device')
  }
  if (advice.length > 0) lines.push('advice:', ...advice.map((sentence) => `  - ${sentence}`))
  return lines.join('\n')
}
