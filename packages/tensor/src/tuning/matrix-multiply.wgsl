// Nothing but products of matrices: every subgroup multiplies each of DOWN matrices with each of ACROSS others, out of
// registers, and adds the products up, `rounds` times. The sums do not depend on each other, so that a device can hide
// the latency of one behind the others.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

const DOWN = 4;
const ACROSS = 2;
const LANES = 32;
const SUBGROUPS = 4;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

struct Work { rounds: i32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> work: Work;

@compute @workgroup_size(LANES * SUBGROUPS)
fn main(
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  // registers
  var a: array<Left, DOWN>;
  // unroll
  for (var r = 0; r < DOWN; r++) { a[r] = subgroupMatrixLoad<Left, row_major>(&x, u32(r * 64), 4); }
  // registers
  var b: array<Right, ACROSS>;
  // unroll
  for (var c = 0; c < ACROSS; c++) { b[c] = subgroupMatrixLoad<Right, row_major>(&x, u32((DOWN + c) * 64), 4); }
  // registers
  var sums: array<Sums, DOWN * ACROSS>;
  for (var round = 0; round < work.rounds; round++) {
    // unroll
    for (var s = 0; s < DOWN * ACROSS; s++) {
      sums[s] = subgroupMatrixMultiplyAccumulate(a[s / ACROSS], b[s % ACROSS], sums[s]);
    }
  }
  let first = (group.x * u32(SUBGROUPS) + subgroup) * u32(DOWN * ACROSS * 256);
  // unroll
  for (var s = 0; s < DOWN * ACROSS; s++) { subgroupMatrixStore<row_major>(&y, first + u32(s * 256), sums[s], 16); }
}
