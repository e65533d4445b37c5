// running = (1 - momentum) * running + momentum * batch, for means and for unbiased variances of every channel.
struct Shape { channels: u32, momentum: f32, unbiased: f32 }
@group(0) @binding(0) var<storage, read_write> mean: array<f32>;
@group(0) @binding(1) var<storage, read_write> variance: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= shape.channels) { return; }
  mean[c] += shape.momentum * (moments[c] - mean[c]);
  variance[c] += shape.momentum * (moments[shape.channels + c] * shape.unbiased - variance[c]);
}
