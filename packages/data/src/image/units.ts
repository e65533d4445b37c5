import { voxelSizes } from '../affine.ts'
import type { NiftiFields } from './nifti-header.ts'

/** Codes of `xyzt_units` for space that are not millimetres, and how many millimetres one is. */
const UNITS: Readonly<Record<number, { readonly name: string; readonly millimetres: number }>> = {
  1: { name: 'metres', millimetres: 1000 },
  3: { name: 'micrometres', millimetres: 0.001 },
}

/** Voxels of a scan have edges between these, in mm; the unit that a header gives is believed if that comes out. */
const PLAUSIBLE_EDGE = [0.01, 30] as const

const SPACE = 7
const MILLIMETRE = 2

/**
 * The fields in millimetres, with a sentence where the header gives another unit.
 *
 * Many programs write a wrong unit, so metres and micrometres are converted only where voxels of a plausible size come
 * out; else the numbers are taken to be millimetres already. Either way the unit is millimetres afterwards.
 */
export function inMillimetres(fields: NiftiFields): {
  readonly fields: NiftiFields
  readonly warning?: string
} {
  const unit = UNITS[fields.units & SPACE]
  if (unit === undefined) return { fields }
  const { sform, qform, pixdim } = fields
  const edges =
    sform.code > 0
      ? voxelSizes([...sform.rows, 0, 0, 0, 1])
      : pixdim.slice(0, 3).map((size) => Math.abs(size))
  const [lowest, highest] = PLAUSIBLE_EDGE
  const converts = edges.every((edge) => {
    const millimetres = Math.fround(edge * unit.millimetres)
    return millimetres >= Math.fround(lowest) && millimetres <= highest
  })
  const factor = converts ? unit.millimetres : 1
  // Rounded as a file keeps them: 0.002 m, which float32 cannot hold, is 2 mm again.
  const convert = (value: number) => (converts ? Math.fround(value * factor) : value)
  const warning = converts
    ? `The header gives its unit as ${unit.name}; all lengths were converted to millimetres.`
    : `The header gives its unit as ${unit.name}, which would make voxels of ${edges.map((edge) => +(edge * unit.millimetres).toPrecision(4)).join(' x ')} mm; its numbers are used as millimetres.`
  return {
    warning,
    fields: {
      ...fields,
      units: (fields.units & ~SPACE) | MILLIMETRE,
      pixdim: pixdim.map((size, axis) => (axis < 3 ? convert(size) : size)),
      qform: { ...qform, offset: qform.offset.map(convert) as unknown as typeof qform.offset },
      sform: { ...sform, rows: sform.rows.map(convert) },
    },
  }
}
