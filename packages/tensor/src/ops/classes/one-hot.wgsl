// y[i,c] = 1 where label i is c, else 0.
struct Shape { count: u32, classes: u32 }
@group(0) @binding(0) var<storage, read> labels: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < shape.count) { y[i] = select(0.0, 1.0, labels[i / shape.classes] == i % shape.classes); }
}
