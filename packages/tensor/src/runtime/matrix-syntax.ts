/**
 * WGSL for matrix units is an experiment of Dawn's, and its words changed in the summer of 2026. Kernels are written in the
 * present ones; browsers from before take the former.
 */
export type MatrixSyntax = 'present' | 'former'

/** A module that compiles in the present syntax only. */
export const MATRIX_PROBE = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
var<workgroup> tile: array<f16, 256>;
@compute @workgroup_size(32) fn main() {
  _ = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 0, 16);
}`
