/**
 * WGSL for matrix units is an experiment of Dawn's, and its words changed in the summer of 2026. Kernels are written in the
 * present ones; browsers from before take the former.
 */
export type MatrixSyntax = 'present' | 'former'

/** The matrix units of a device. */
export interface MatrixUnits {
  readonly syntax: MatrixSyntax
  /** Kernels for them, in their syntax. */
  readonly texts: { readonly matrix: string; readonly halo: string }
}

/** Matrix units of a syntax, with the kernels' texts, which are loaded by this. */
export async function matrixUnits(syntax: MatrixSyntax): Promise<MatrixUnits> {
  const { halo, matrix } = await import('../ops/conv3d/matrix-texts.ts')
  const written = (text: string) => (syntax === 'former' ? inFormerSyntax(text) : text)
  return { syntax, texts: { halo: written(halo), matrix: written(matrix) } }
}

/** A module that compiles in the present syntax only. */
export const MATRIX_PROBE = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
var<workgroup> tile: array<f16, 256>;
@compute @workgroup_size(32) fn main() {
  _ = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 0, 16);
}`

/**
 * A kernel in the former syntax: how a matrix lies in memory is a bool among the arguments, and it is loaded from single
 * halves. The kernel loads from `tiles` of fours, which it fills with `keep`, at indices called `at`.
 */
function inFormerSyntax(text: string): string {
  return text
    .replace(/tiles: array<vec4<f16>, (.*)>;/, 'tiles: array<f16, 4 * ($1)>;')
    .replace('{ tiles[at] = four; }', '{ for (var i = 0; i < 4; i++) { tiles[at * 4 + i] = four[i]; } }')
    .replaceAll(
      /subgroupMatrixLoad<(\w+), (row|col)_major>\(&tiles, at, (\w+)\)/g,
      (_, type, major, line) =>
        `subgroupMatrixLoad<${type}>(&tiles, at * 4u, ${major === 'col'}, ${line} * 4)`,
    )
    .replace(/subgroupMatrixStore<row_major>\((.*), (\w+)\);/, 'subgroupMatrixStore($1, false, $2);')
}
