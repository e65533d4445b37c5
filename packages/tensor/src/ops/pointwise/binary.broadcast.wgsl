// One function of two values whose shapes are broadcast: up to five axes, stride 0 where an operand is stretched.
struct Shape {
  count: u32,
  size1: u32, size2: u32, size3: u32, size4: u32,
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32,
}
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

fn f(a: f32, b: f32) -> f32 {
  return a;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  let i4 = i % shape.size4;
  let r4 = i / shape.size4;
  let i3 = r4 % shape.size3;
  let r3 = r4 / shape.size3;
  let i2 = r3 % shape.size2;
  let r2 = r3 / shape.size2;
  let i1 = r2 % shape.size1;
  let i0 = r2 / shape.size1;
  let atA = i0 * shape.a0 + i1 * shape.a1 + i2 * shape.a2 + i3 * shape.a3 + i4 * shape.a4;
  let atB = i0 * shape.b0 + i1 * shape.b1 + i2 * shape.b2 + i3 * shape.b3 + i4 * shape.b4;
  y[i] = f(a[atA], b[atB]);
}
