// One function of one value. The line of `f` is replaced by the row of the table that is wanted.
struct Shape { count: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

fn f(x: f32, a: f32, b: f32) -> f32 {
  return x;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < shape.count) { y[i] = f(x[i], shape.a, shape.b); }
}
