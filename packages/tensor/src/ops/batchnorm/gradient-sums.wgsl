// Per channel, share by share: the sums of g and of g * normalised x, where g is ct behind the activation. They are the
// gradients of bias and weight, and what the gradient of x needs of the whole batch. partials is [shares, 2, C].
struct Shape { rows: u32, channels: u32, shares: u32, epsilon: f32, slope: f32 }
@group(0) @binding(0) var<storage, read> ct: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let lanes = shape.shares * shape.channels;
  if (i >= lanes) { return; }
  let c = i % shape.channels;
  let mean = moments[c];
  let inverse = 1.0 / sqrt(moments[shape.channels + c] + shape.epsilon);
  let scale = weight[c];
  let shift = bias[c];
  var sum = 0.0;
  var product = 0.0;
  for (var at = i; at < shape.rows * shape.channels; at += lanes) {
    let normalised = (x[at] - mean) * inverse;
    let g = ct[at] * select(shape.slope, 1.0, normalised * scale + shift > 0.0);
    sum += g;
    product += g * normalised;
  }
  let share = i / shape.channels;
  partials[share * 2u * shape.channels + c] = sum;
  partials[(share * 2u + 1u) * shape.channels + c] = product;
}
