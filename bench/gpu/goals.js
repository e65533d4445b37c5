import { iterationName } from './jobs.js'

const sum = (values) => values.reduce((total, value) => total + value, 0)
const isOurs = ({ peer }) => peer === undefined

/** GFLOP/s over several rows: all their operations in all their time. */
const rateOf = (rows) =>
  sum(rows.map((row) => row.gflops * row.ms_median)) / sum(rows.map((row) => row.ms_median))

/** Our rows of a layer set: the kernels that plans take, in one direction. */
export const layersOf = (rows, dtype, direction) =>
  rows.filter(
    (row) => isOurs(row) && row.target === `conv3d.${direction}` && row.dtype === dtype && row.chosen,
  )

/** Milliseconds of an iteration, ours by dtype and PyTorch's by variant; undefined where it was not measured. */
export function iterationTime(rows, peer, kind, at) {
  const name = iterationName(at)
  const isWanted = (row) => (peer === 'ours' ? isOurs(row) && row.dtype === kind : row.variant === kind)
  return rows.find((row) => row.target === 'step' && row.case.endsWith(name) && isWanted(row))?.ms_median
}

const least = (values) => {
  const known = values.filter((value) => value !== undefined)
  return known.length > 0 ? Math.min(...known) : undefined
}

/** What the rows say of the goals, one by one; `met` is null where something is missing. */
export function judge(rows, { iterations, wide }) {
  const [large, small] = iterations
  const goal = (name, measured, unit, met) => ({
    goal: name,
    measured: measured === undefined ? 'not measured' : `${measured.toPrecision(3)} ${unit}`,
    met: measured === undefined ? null : met(measured),
  })
  const directions = ['forward', 'input', 'weight']

  const plain = directions.map((direction) => layersOf(rows, 'f32', direction))
  const isWhole = plain.every((found) => found.length > 0)
  const peak = Math.max(...plain.flat().map((row) => row.peak_gflops))
  const share = isWhole ? (100 * rateOf(plain.flat())) / peak : undefined

  const teraflops = (direction) => {
    const row = layersOf(rows, 'f16', direction).find((found) => found.case.startsWith(wide))
    return row && row.gflops / 1000
  }
  const ratio = (ours, theirs) => (ours !== undefined && theirs !== undefined ? ours / theirs : undefined)
  const ours = (kind, at) => iterationTime(rows, 'ours', kind, at)
  const torch = (kind, at) => iterationTime(rows, 'torch', kind, at)
  const fastest = (at) => least([ours('f32', at), ours('f16', at)])
  const eager = (at) => least([torch('f32', at), torch('tf32', at)])
  const autocast = (at) => least([torch('f16', at), torch('bf16', at)])
  const times = "of PyTorch's time"
  return [
    goal(
      'f32, all layers and directions: at least 45 % of the multiply-adds measured',
      share,
      '%',
      (x) => x >= 45,
    ),
    ...directions.map((direction) =>
      goal(
        `mixed, ${wide}, ${direction}: at least 150 TFLOP/s`,
        teraflops(direction),
        'TFLOP/s',
        (x) => x >= 150,
      ),
    ),
    goal(
      `mixed, iteration of ${iterationName(large)}: faster than PyTorch eager, f32 without TF32`,
      ratio(ours('f16', large), torch('f32', large)),
      times,
      (x) => x < 1,
    ),
    goal(
      `mixed, iteration of ${iterationName(large)}: at most twice PyTorch's with autocast to f16, channels_last_3d`,
      ratio(ours('f16', large), torch('f16', large)),
      times,
      (x) => x <= 2,
    ),
    goal(
      `iteration of ${iterationName(small)}: faster than PyTorch eager, with or without TF32`,
      ratio(fastest(small), eager(small)),
      times,
      (x) => x < 1,
    ),
    ...[large, small].map((at) =>
      goal(
        `beyond the goals, iteration of ${iterationName(at)}: faster than PyTorch's autocast`,
        ratio(fastest(at), autocast(at)),
        times,
        (x) => x < 1,
      ),
    ),
  ]
}
