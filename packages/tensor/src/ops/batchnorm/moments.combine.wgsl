// Joins the partial moments [shares, 3, C] of `moments.wgsl`, or of a convolution's tiles: the mean of their means, then
// the squared deviations from it (Chan, Golub and LeVeque 1979). A workgroup takes one channel; its lanes add up strided
// shares and then join in a tree, so that rounding grows with the logarithm of the shares. moments is [2, C]: means,
// then biased variances.
alias Value = f32;
const LANES = 64;
struct Shape { rows: u32, channels: u32, shares: u32 }
@group(0) @binding(0) var<storage, read> partials: array<Value>;
@group(0) @binding(1) var<storage, read_write> moments: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

var<workgroup> lanes: array<Value, LANES>;

fn total(lane: u32, value: Value) -> Value {
  lanes[lane] = value;
  for (var half = u32(LANES) / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { lanes[lane] += lanes[lane + half]; }
  }
  workgroupBarrier();
  let sum = lanes[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = group.x;
  let origin = partials[c];
  var sum = Value(0.0);
  for (var share = lane; share < shape.shares; share += u32(LANES)) {
    let at = 3u * share * shape.channels + c;
    sum += partials[at + 2u * shape.channels] * (partials[at] - origin);
  }
  let mean = origin + total(lane, sum) / f32(shape.rows);
  var squares = Value(0.0);
  for (var share = lane; share < shape.shares; share += u32(LANES)) {
    let at = 3u * share * shape.channels + c;
    let delta = partials[at] - mean;
    squares += partials[at + shape.channels] + partials[at + 2u * shape.channels] * delta * delta;
  }
  let variance = total(lane, squares) / f32(shape.rows);
  if (lane == 0u) {
    moments[c] = mean;
    moments[shape.channels + c] = max(variance, Value(0.0));
  }
}
