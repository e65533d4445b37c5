// For every invocation a flag: 1 if its strided share of the numbers has one that is not finite, else 0. Numbers are looked
// at as bits, because compilers may take for granted that there are no infinities.
struct Shape { count: u32, shares: u32, first: u32 }
@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> flags: array<u32>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= shape.shares) { return; }
  var flag = 0u;
  for (var i = id.x; i < shape.count; i += shape.shares) {
    if ((values[i] & 0x7f800000u) == 0x7f800000u) { flag = 1u; }
  }
  flags[shape.first + id.x] = flag;
}
