// y = activation(weight * (x - mean) / sqrt(variance + epsilon) + bias), channels last. An invocation stays with one
// channel and strides through the rows, so that the channel's four numbers are loaded once.
alias Value = f32;
struct Shape { rows: i32, channels: i32, shares: i32, epsilon: f32, slope: f32 }
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> moments: array<Value>;
@group(0) @binding(2) var<storage, read> weight: array<Value>;
@group(0) @binding(3) var<storage, read> bias: array<Value>;
@group(0) @binding(4) var<storage, read_write> y: array<Value>;
@group(0) @binding(5) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let lanes = shape.shares * shape.channels;
  if (i >= lanes) { return; }
  let c = i % shape.channels;
  let mean = moments[c];
  let scale = weight[c] / sqrt(moments[shape.channels + c] + Value(shape.epsilon));
  let shift = bias[c];
  for (var at = i; at < shape.rows * shape.channels; at += lanes) {
    let value = (x[at] - mean) * scale + shift;
    y[at] = select(shape.slope * value, value, value > Value(0.0));
  }
}
