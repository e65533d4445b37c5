// One function of one value. The line of `f` is replaced by the row of the table that is wanted. An
// invocation has one element, which is four neighbouring numbers where the store is replaced, too.
alias Value = f32;
struct Shape { count: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

// WGSL leaves open what its functions make of numbers that are not finite, and drivers differ: bits tell.
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// -Infinity of zero, and NaN of a NaN and of everything below zero.
fn logarithm(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits << 1u) == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits == 0x7f800000u) { return bitcast<f32>(bits); }
  if (bits > 0x7f800000u) { return bitcast<f32>(bits | 0x7fc00000u); }
  return log(x);
}

fn f(x: f32, a: f32, b: f32) -> f32 {
  return x;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  let p = x[i];
  y[i] = f(p, shape.a, shape.b);
}
