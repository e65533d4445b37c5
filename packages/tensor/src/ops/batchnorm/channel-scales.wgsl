// What normalising a value of a channel takes, so that a reader of the tensor can do it on the way: [3, C], in rows the
// mean, the weight over the standard deviation, and the bias. The value becomes (x - mean) * scale + bias.
struct Shape { channels: u32, epsilon: f32 }
@group(0) @binding(0) var<storage, read> moments: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> scales: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= shape.channels) { return; }
  scales[c] = moments[c];
  scales[shape.channels + c] = weight[c] / sqrt(moments[shape.channels + c] + shape.epsilon);
  scales[2u * shape.channels + c] = bias[c];
}
