import { iterationTime, judge, layersOf } from './goals.js'
import { iterationName } from './jobs.js'

const figure = (value) => (value === undefined ? '–' : String(Number(value.toPrecision(3))))
const table = (header, lines) =>
  [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** Everything that is known so far, as Markdown: goals first, then iterations, layers, and what became of each job. */
export function report(record, sizes) {
  const rows = record.jobs.flatMap((job) => job.rows)
  const { adapter, driver, pytorch, commit, command, started } = record
  const torch = pytorch
    ? `PyTorch ${pytorch.pytorch} on ${pytorch.device}, CUDA ${pytorch.cuda}, cuDNN ${pytorch.cudnn}`
    : 'no PyTorch'
  return [
    `# ${adapter}`,
    `\`${command}\`, commit ${commit}, ${started}. Driver: ${driver}. ${torch}. Dawn's switches: ${record.toggles}.`,
    '## Goals',
    table(
      ['goal', 'measured', 'met'],
      judge(rows, sizes).map(({ goal, measured, met }) => [
        goal,
        measured,
        met === null ? '–' : met ? 'yes' : 'no',
      ]),
    ),
    '## Measured peaks',
    peaks(rows),
    '## An iteration of Algorithm 1',
    "Milliseconds, and the times of PyTorch's fastest variant. Three steps of D and one of G and S, padded with zeros.",
    iterations(rows, sizes),
    '## Layers',
    'TFLOP/s of the kernels that plans take; in parentheses percent of the measured peak, then PyTorch.',
    ...['forward', 'input', 'weight'].map((direction) => layers(rows, direction)),
    '## Jobs',
    table(
      ['job', 'seconds', 'outcome'],
      record.jobs.map((job) => [`\`${job.command}\``, job.seconds.toFixed(0), job.failed ?? 'done']),
    ),
    '',
  ].join('\n\n')
}

/** The best that any job saw: what disturbs a measurement only ever makes it slower. */
function peaks(rows) {
  const most = (name, dtype) =>
    Math.max(...rows.filter((row) => row[name] && (!dtype || row.dtype === dtype)).map((row) => row[name]))
  const cell = (value, scale) => (Number.isFinite(value) ? figure(value / scale) : '–')
  return table(
    [
      'multiply-adds in f32, TFLOP/s',
      'of halves, on matrix units where there are any, TFLOP/s',
      'copying, GB/s',
    ],
    [
      [
        cell(most('peak_gflops', 'f32'), 1000),
        cell(most('peak_gflops', 'f16'), 1000),
        cell(most('peak_gbps'), 1),
      ],
    ],
  )
}

const VARIANTS = ['f32', 'tf32', 'f16', 'bf16']

function iterations(rows, sizes) {
  const lines = sizes.iterations.map((at) => {
    const theirs = VARIANTS.map((variant) => iterationTime(rows, 'torch', variant, at))
    const best = Math.min(...theirs.filter((time) => time !== undefined))
    const ours = ['f32', 'f16'].map((dtype) => {
      const time = iterationTime(rows, 'ours', dtype, at)
      return time && Number.isFinite(best) ? `${figure(time)} (${figure(time / best)}×)` : figure(time)
    })
    return [iterationName(at), ...ours, ...theirs.map(figure)]
  })
  return table(['', 'ours, f32', 'ours, mixed', ...VARIANTS.map((variant) => `PyTorch, ${variant}`)], lines)
}

function layers(rows, direction) {
  const torch = rows.filter((row) => row.peer === 'torch' && row.target === `conv3d.${direction}`)
  const ours = ['f32', 'f16'].map((dtype) => layersOf(rows, dtype, direction))
  // Ours say more of a case than its shapes, where it is unusual.
  const shapesOf = (row) => row.case.split(' ').slice(0, 2).join(' ')
  const names = [...new Set([...ours.flat(), ...torch].map(shapesOf))]
  const lines = names.map((name) => {
    const mine = ours.map((found) => found.find((row) => shapesOf(row) === name))
    const theirs = VARIANTS.map((variant) =>
      torch.find((row) => row.case === name && row.variant === variant),
    )
    return [
      name,
      ...mine.map((row) =>
        row ? `${figure(row.gflops / 1000)} (${figure(100 * row.of_peak)} %), ${row.kernel}` : '–',
      ),
      ...theirs.map((row) => figure(row && row.gflops / 1000)),
    ]
  })
  return table(
    [direction, 'ours, f32', 'ours, f16', ...VARIANTS.map((variant) => `PyTorch, ${variant}`)],
    lines,
  )
}
