// One step of gradient descent with momentum and L2 decay: v = momentum * v + g + decay * p;  p -= rate * v.
struct Shape { count: u32, momentum: f32, decay: f32 }
@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read> rate: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  let v = shape.momentum * velocity[i] + gradient[i] + shape.decay * parameter[i];
  velocity[i] = v;
  parameter[i] -= rate[0] * v;
}
