import { randomStream } from '@voxnorm/data'

/** Voxels of the scan along x, y and z, and their edge in mm: one window of the networks. */
export const SHAPE = [16, 16, 16] as const
export const VOXEL = 8

/** A file in a format, and its second half where there is one. */
export interface ScanFile {
  readonly format: string
  /** Names of the files; the first is what a command is given. */
  readonly names: readonly [string] | readonly [string, string]
  readonly files: readonly Uint8Array[]
  /** How many bytes at the start of the first file are header. */
  readonly headerSize: number
  /** Ranges of the header that say something which nothing else in the file says, so that a change cannot be noticed. */
  readonly saidOnce: readonly (readonly [start: number, end: number])[]
}

/** A brain of two thirds of a litre in int16: background 0, three tissues with some noise. */
function voxels(): Int16Array {
  const random = randomStream(7, 'fuzz-scan')
  const [nx, ny, nz] = SHAPE
  return Int16Array.from({ length: nx * ny * nz }, (_, voxel) => {
    const [x, y, z] = [voxel % nx, Math.floor(voxel / nx) % ny, Math.floor(voxel / (nx * ny))]
    const radius = Math.hypot((x - 7.5) / 6.5, (y - 7.5) / 7.2, (z - 7.5) / 6.5)
    const value = radius < 0.55 ? 800 : radius < 0.8 ? 550 : radius < 1 ? 250 : 0
    return value === 0 ? 0 : Math.round(value + 25 * random.normal())
  })
}

/** The same scan in every format that can be read; first as NIfTI-1 in one file. */
export function scanFiles(): readonly [ScanFile, ...ScanFile[]] {
  const data = voxels()
  const little = new Uint8Array(data.buffer)
  const big = new Uint8Array(data.length * 2)
  const bigView = new DataView(big.buffer)
  data.forEach((value, index) => {
    bigView.setInt16(2 * index, value)
  })
  const single = join(nifti1('n+1', 352), new Uint8Array(4), little)
  const scalingAndType: [number, number][] = [
    [70, 72],
    [112, 120],
  ]
  return [
    { format: 'nifti1', names: ['scan.nii'], files: [single], headerSize: 348, saidOnce: scalingAndType },
    {
      format: 'nifti2',
      names: ['scan.nii'],
      files: [join(nifti2(), new Uint8Array(4), little)],
      headerSize: 540,
      saidOnce: [
        [12, 14],
        [176, 192],
      ],
    },
    {
      format: 'nifti1 pair',
      names: ['scan.hdr', 'scan.img'],
      files: [nifti1('ni1', 0), little],
      headerSize: 348,
      saidOnce: scalingAndType,
    },
    {
      format: 'analyze',
      names: ['scan.hdr', 'scan.img'],
      files: [analyze(), little],
      headerSize: 348,
      // Nothing repeats the size of a voxel, and the origin is where SPM keeps one.
      saidOnce: [
        [70, 72],
        [76, 92],
        [112, 120],
        [253, 263],
      ],
    },
    {
      format: 'mgh',
      names: ['scan.mgh'],
      files: [join(mgh(), big)],
      headerSize: 90,
      saidOnce: [
        [20, 24],
        [30, 90],
      ],
    },
  ]
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const HALF = SHAPE.map((size) => ((size - 1) / 2) * VOXEL) as [number, number, number]
const ROWS = [VOXEL, 0, 0, -HALF[0], 0, VOXEL, 0, -HALF[1], 0, 0, VOXEL, -HALF[2]]

function nifti1(magic: string, offset: number): Uint8Array {
  const bytes = analyze()
  const view = new DataView(bytes.buffer)
  view.setFloat32(76, 1, true)
  view.setFloat32(108, offset, true)
  view.setFloat32(112, 1, true)
  view.setUint8(123, 2)
  view.setInt16(252, 1, true)
  view.setInt16(254, 1, true)
  HALF.forEach((half, axis) => {
    view.setFloat32(268 + 4 * axis, -half, true)
  })
  ROWS.forEach((value, index) => {
    view.setFloat32(280 + 4 * index, value, true)
  })
  bytes.set(new TextEncoder().encode(magic), 344)
  return bytes
}

function nifti2(): Uint8Array {
  const bytes = new Uint8Array(540)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, 540, true)
  bytes.set([0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a], 4)
  view.setInt16(12, 4, true)
  view.setInt16(14, 16, true)
  for (const [axis, size] of [3, ...SHAPE, 1, 1, 1, 1].entries())
    view.setBigInt64(16 + 8 * axis, BigInt(size), true)
  for (const [axis, size] of [1, VOXEL, VOXEL, VOXEL, 1, 1, 1, 1].entries())
    view.setFloat64(104 + 8 * axis, size, true)
  view.setBigInt64(168, 544n, true)
  view.setFloat64(176, 1, true)
  view.setInt32(344, 1, true)
  view.setInt32(348, 1, true)
  HALF.forEach((half, axis) => {
    view.setFloat64(376 + 8 * axis, -half, true)
  })
  ROWS.forEach((value, index) => {
    view.setFloat64(400 + 8 * index, value, true)
  })
  view.setInt32(500, 2, true)
  return bytes
}

function analyze(): Uint8Array {
  const bytes = new Uint8Array(348)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, 348, true)
  for (const [axis, size] of [3, ...SHAPE, 1, 1, 1, 1].entries()) view.setInt16(40 + 2 * axis, size, true)
  view.setInt16(70, 4, true)
  view.setInt16(72, 16, true)
  for (const [axis, size] of [0, VOXEL, VOXEL, VOXEL].entries()) view.setFloat32(76 + 4 * axis, size, true)
  return bytes
}

function mgh(): Uint8Array {
  const bytes = new Uint8Array(284)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of [1, ...SHAPE, 1, 4, 0].entries()) view.setInt32(4 * index, value)
  view.setInt16(28, 1)
  const columns = [1, 0, 0, 0, 1, 0, 0, 0, 1]
  const centre = [VOXEL / 2, VOXEL / 2, VOXEL / 2]
  for (const [index, value] of [VOXEL, VOXEL, VOXEL, ...columns, ...centre].entries())
    view.setFloat32(30 + 4 * index, value)
  return bytes
}
