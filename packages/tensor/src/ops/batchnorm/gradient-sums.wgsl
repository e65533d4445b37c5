// Per channel, share by share: the sums of g and of g * normalised x, where g is ct behind the activation. They are the
// gradients of bias and weight, and what the gradient of x needs of the whole batch. partials is [shares, 2, C].
alias Value = f32;
const BLOCK = 8;
struct Shape { rows: i32, channels: i32, shares: i32, epsilon: f32, slope: f32 }
@group(0) @binding(0) var<storage, read> ct: array<Value>;
@group(0) @binding(1) var<storage, read> x: array<Value>;
@group(0) @binding(2) var<storage, read> moments: array<Value>;
@group(0) @binding(3) var<storage, read> weight: array<Value>;
@group(0) @binding(4) var<storage, read> bias: array<Value>;
@group(0) @binding(5) var<storage, read_write> partials: array<Value>;
@group(0) @binding(6) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let lanes = shape.shares * shape.channels;
  if (i >= lanes) { return; }
  let c = i % shape.channels;
  let share = i / shape.channels;
  let mean = moments[c];
  let inverse = Value(1.0) / sqrt(moments[shape.channels + c] + Value(shape.epsilon));
  let scale = weight[c];
  let shift = bias[c];
  var sum = Value(0.0);
  var product = Value(0.0);
  // Blocks are summed on their own, so that rounding grows slowly.
  let rows = (shape.rows - share + shape.shares - 1) / shape.shares;
  var at = i;
  for (var block = 0; block < rows / BLOCK; block++) {
    var blockSum = Value(0.0);
    var blockProduct = Value(0.0);
    // unroll
    for (var k = 0; k < BLOCK; k++) {
      let normalised = (x[at + k * lanes] - mean) * inverse;
      let g = ct[at + k * lanes] * select(Value(shape.slope), Value(1.0), normalised * scale + shift > Value(0.0));
      blockSum += g;
      blockProduct += g * normalised;
    }
    sum += blockSum;
    product += blockProduct;
    at += BLOCK * lanes;
  }
  for (var row = rows / BLOCK * BLOCK; row < rows; row++) {
    let normalised = (x[at] - mean) * inverse;
    let g = ct[at] * select(Value(shape.slope), Value(1.0), normalised * scale + shift > Value(0.0));
    sum += g;
    product += g * normalised;
    at += lanes;
  }
  partials[share * 2 * shape.channels + c] = sum;
  partials[(share * 2 + 1) * shape.channels + c] = product;
}
