import {
  angleBetween,
  determinant,
  largestCornerDistance,
  linearPart,
  nearestOrthogonal,
  spansSpace,
  voxelSizes,
} from '../affine.ts'
import { DataError } from '../errors.ts'
import type { Affine, ImageHeader, MatrixForm, QuaternionForm, Shape3 } from './volume.ts'

/** Largest distance (mm) and angle (degrees) at which the two forms of a header still count as equal. */
const FORM_TOLERANCE = { distance: 0.5, angle: 1 }

/** The geometry fields of a NIfTI header as stored. */
export interface StoredGeometry {
  readonly shape: Shape3
  readonly pixdim: readonly number[]
  readonly qform: QuaternionForm
  readonly sform: MatrixForm
}

/** The affine that a header means, the forms that an output has to have, and sentences about what is odd. */
export interface ChosenGeometry {
  readonly affine: Affine
  readonly pixdim: readonly number[]
  readonly qform: QuaternionForm
  readonly warnings: readonly string[]
}

/**
 * The affine that a header means.
 *
 * The matrix counts wherever its code is above 0, as for nibabel, ITK and MRtrix3, else the quaternion; a header without
 * any form gets the grid centred on the origin with x from right to left, which is what FSL, SPM and nibabel assume.
 * Where the two forms disagree, the quaternion becomes that of the matrix, so that every reader places an output where
 * the input was; otherwise all numbers stay as stored. Throws DataError when the chosen form is not finite or is flat.
 */
export function chooseAffine(stored: StoredGeometry, file: string): ChosenGeometry {
  const { shape, pixdim, qform, sform } = stored
  const hasMatrix = sform.code > 0
  const hasQuaternion = qform.code > 0
  const source = hasMatrix ? 'sform' : hasQuaternion ? 'qform' : 'header without an orientation'
  const affine =
    source === 'sform'
      ? affineOfMatrix(sform)
      : source === 'qform'
        ? affineOfQuaternion(qform, pixdim)
        : centredAffine(shape, pixdim)
  if (!spansSpace(affine)) {
    throw new DataError(
      `The ${source} does not describe a grid in space: it is flat or has numbers that are not finite.`,
      {
        file,
        fix: 'repair the header with a tool that knows the right orientation, or convert the scan again.',
      },
    )
  }
  const warnings: string[] = []
  if (!hasMatrix && !hasQuaternion) {
    warnings.push('The header stores no orientation; x is taken to run from right to left (LAS).')
  }
  const disagreement =
    hasMatrix && hasQuaternion
      ? describeDisagreement(shape, affine, affineOfQuaternion(qform, pixdim))
      : undefined
  if (disagreement !== undefined)
    warnings.push(`qform and sform disagree by ${disagreement}; the sform is used, and written as both.`)
  const sizes = voxelSizes(affine)
  if (sizes.some((size, axis) => !(Math.abs(pixdim[axis]! - size) <= 0.01 * size))) {
    const [stated, used] = [pixdim.slice(0, 3), sizes].map((list) =>
      list.map((size) => +size.toFixed(4)).join(' x '),
    )
    warnings.push(
      `The header states voxels of ${stated} mm but the ${source} gives ${used} mm, which is used.`,
    )
  }
  if (disagreement === undefined) return { affine, pixdim, qform, warnings }
  return { affine, warnings, ...formOf(affine, pixdim, qform.code) }
}

/** The quaternion and voxel sizes of an affine, in the numbers of a file; the code is 0 where shear has no quaternion. */
function formOf(
  affine: Affine,
  stored: readonly number[],
  code: number,
): Pick<ChosenGeometry, 'pixdim' | 'qform'> {
  const sizes = voxelSizes(affine).map(Math.fround)
  const pixdim = [...sizes, ...stored.slice(3)]
  const exact = quaternionOf(affine)
  const quaternion = exact.quaternion.map(Math.fround) as [number, number, number]
  const offset = exact.offset.map(Math.fround) as [number, number, number]
  const qform = { ...exact, quaternion, offset }
  return { pixdim, qform: { ...qform, code: saysTheSame(affine, qform, pixdim) ? code : 0 } }
}

/** Whether a quaternion form places a grid as the affine does, up to a thousandth of a voxel. */
function saysTheSame(affine: Affine, qform: QuaternionForm, pixdim: readonly number[]): boolean {
  const error = affineOfQuaternion(qform, pixdim).map((value, index) => Math.abs(value - affine[index]!))
  return Math.max(...error) < 1e-3 * Math.min(...voxelSizes(affine))
}

/** The affine of a `qform`; `pixdim` starts with the three voxel sizes, whose signs are ignored. */
function affineOfQuaternion(qform: QuaternionForm, pixdim: readonly number[]): Affine {
  let [b, c, d] = qform.quaternion
  const squared = b * b + c * c + d * d
  let a = Math.sqrt(Math.max(0, 1 - squared))
  // Rounding can push the sum above 1, where the root would be NaN: it is a half turn about (b, c, d) then.
  if (1 - squared < 1e-7) {
    const length = Math.sqrt(squared)
    a = 0
    b /= length
    c /= length
    d /= length
  }
  const [dx, dy, dz] = [Math.abs(pixdim[0]!), Math.abs(pixdim[1]!), Math.abs(pixdim[2]!)]
  const dk = qform.qfac < 0 ? -dz : dz
  const [x, y, z] = qform.offset
  return [
    ...[(a * a + b * b - c * c - d * d) * dx, 2 * (b * c - a * d) * dy, 2 * (b * d + a * c) * dk, x],
    ...[2 * (b * c + a * d) * dx, (a * a + c * c - b * b - d * d) * dy, 2 * (c * d - a * b) * dk, y],
    ...[2 * (b * d - a * c) * dx, 2 * (c * d + a * b) * dy, (a * a + d * d - b * b - c * c) * dk, z],
    ...[0, 0, 0, 1],
  ]
}

/** The affine of an `sform`. */
function affineOfMatrix(sform: MatrixForm): Affine {
  return [...sform.rows, 0, 0, 0, 1]
}

/** The affine of a grid without orientation: centred on the origin, x from right to left. */
function centredAffine(shape: Shape3, pixdim: readonly number[]): Affine {
  const [dx, dy, dz] = [Math.abs(pixdim[0]!), Math.abs(pixdim[1]!), Math.abs(pixdim[2]!)]
  const half = (axis: 0 | 1 | 2, size: number) => ((shape[axis] - 1) / 2) * size
  return [-dx, 0, 0, half(0, dx), 0, dy, 0, -half(1, dy), 0, 0, dz, -half(2, dz), 0, 0, 0, 1]
}

/**
 * A header whose forms both give `affine`, in millimetres; its format is `none`, as no file stores it.
 *
 * What has nothing to do with the grid (description, extensions, warnings) is taken from `base` where given. A
 * sheared affine has no quaternion, so its `qform` gets code 0.
 */
export function headerForAffine(affine: Affine, base?: ImageHeader): ImageHeader {
  const sizes = voxelSizes(affine)
  const pixdim = [...sizes, ...(base?.pixdim.slice(3) ?? [1, 1, 1, 1])]
  const quaternion = quaternionOf(affine)
  return {
    format: 'none',
    datatype: base?.datatype ?? 'float32',
    pixdim,
    qform: { ...quaternion, code: saysTheSame(affine, quaternion, pixdim) ? 1 : 0 },
    sform: { code: 1, rows: affine.slice(0, 12) },
    // The unit of time is kept, the unit of space is now certain.
    units: ((base?.units ?? 0) & ~7) | 2,
    intent: base?.intent ?? { code: 0, name: '', parameters: [0, 0, 0] },
    description: base?.description ?? '',
    extensions: base?.extensions ?? [],
    warnings: base?.warnings ?? [],
  }
}

/** The header of a grid whose place was guessed: neither form counts, and a reader guesses as this one did. */
export function withGuessedForms(header: ImageHeader): ImageHeader {
  return { ...header, qform: { ...header.qform, code: 0 }, sform: { ...header.sform, code: 0 } }
}

/**
 * The header of a grid whose place is known in part, so that it has to be written: both forms are "aligned" (code 2) with
 * the input, and do not claim to be those of a scanner (code 1).
 */
export function withAlignedForms(header: ImageHeader): ImageHeader {
  const { qform, sform } = header
  return { ...header, qform: { ...qform, code: qform.code && 2 }, sform: { ...sform, code: 2 } }
}

function describeDisagreement(shape: Shape3, a: Affine, b: Affine): string | undefined {
  if (!spansSpace(b)) return 'one being unusable'
  const distance = largestCornerDistance(shape, a, b)
  const angle = angleBetween(a, b)
  if (distance <= FORM_TOLERANCE.distance && angle <= FORM_TOLERANCE.angle) return undefined
  return `up to ${distance.toFixed(1)} mm and ${angle.toFixed(1)} degrees`
}

/** The quaternion of the rotation nearest to the affine's axes, by the branch with the largest divisor. */
function quaternionOf(affine: Affine): QuaternionForm {
  const axes = linearPart(affine)
  const qfac = determinant(axes) < 0 ? -1 : 1
  // A left-handed grid is stored as a rotation plus a flip of its third axis.
  const rotation = nearestOrthogonal(axes.map((value, index) => (index % 3 === 2 ? value * qfac : value)))
  const [r0, r1, r2, r3, r4, r5, r6, r7, r8] = rotation as [
    ...[number, number, number],
    ...[number, number, number],
    ...[number, number, number],
  ]
  const squares = [1 + r0 + r4 + r8, 1 + r0 - r4 - r8, 1 - r0 + r4 - r8, 1 - r0 - r4 + r8]
  const largest = squares.indexOf(Math.max(...squares))
  const root = 2 * Math.sqrt(squares[largest]!)
  const candidates = [
    [root / 4, (r7 - r5) / root, (r2 - r6) / root, (r3 - r1) / root],
    [(r7 - r5) / root, root / 4, (r1 + r3) / root, (r2 + r6) / root],
    [(r2 - r6) / root, (r1 + r3) / root, root / 4, (r5 + r7) / root],
    [(r3 - r1) / root, (r2 + r6) / root, (r5 + r7) / root, root / 4],
  ]
  const [a, b, c, d] = candidates[largest] as [number, number, number, number]
  // The header leaves out the first parameter and takes it to be positive.
  const sign = a < 0 ? -1 : 1
  return {
    code: 1,
    qfac,
    quaternion: [b * sign, c * sign, d * sign],
    offset: [affine[3]!, affine[7]!, affine[11]!],
  }
}
