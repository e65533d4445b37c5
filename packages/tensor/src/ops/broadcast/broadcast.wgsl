// Stretches a tensor: up to five axes, stride 0 along the stretched ones.
struct Shape {
  count: u32,
  size1: u32, size2: u32, size3: u32, size4: u32,
  x0: u32, x1: u32, x2: u32, x3: u32, x4: u32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

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
  y[i] = x[i0 * shape.x0 + i1 * shape.x1 + i2 * shape.x2 + i3 * shape.x3 + i4 * shape.x4];
}
