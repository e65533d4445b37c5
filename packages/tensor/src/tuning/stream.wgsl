// Copies: as many bytes as a device can move. A thread takes PIECES vectors, a workgroup apart from each other, so that
// starting threads costs little and neighbours touch neighbouring memory.
const PIECES = 8u;

struct Work { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> work: Work;

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let first = (group.y * groups.x + group.x) * 64u * PIECES + lane;
  for (var piece = 0u; piece < PIECES; piece++) {
    let i = first + piece * 64u;
    if (i < work.count) { y[i] = x[i]; }
  }
}
