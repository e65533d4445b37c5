// Joins the shares of `moments.wgsl`: the mean of their means, then the squared deviations from it (Chan, Golub and
// LeVeque 1979). A workgroup takes one channel and every `joined`th share; its lanes add up strided ones of these and then
// join in a tree, so that rounding grows with the logarithm of the shares. As rows were dealt to the shares in turns, what
// comes out are the shares among `joined` instead of `shares`. From one, the last join makes moments [2, C]: means, then
// biased variances.
alias Value = f32;
const LANES = 64;
const LAST = 1;
struct Shape { rows: u32, channels: u32, shares: u32, joined: u32 }
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
  let result = group.y * shape.channels + c;
  let first = group.y + lane * shape.joined;
  let step = u32(LANES) * shape.joined;
  let allRows = f32((shape.rows - group.y + shape.joined - 1u) / shape.joined);
  let origin = partials[2u * result];
  var sum = Value(0.0);
  for (var share = first; share < shape.shares; share += step) {
    let rows = f32((shape.rows - share + shape.shares - 1u) / shape.shares);
    sum += rows * (partials[2u * (share * shape.channels + c)] - origin);
  }
  let mean = origin + total(lane, sum) / allRows;
  var squares = Value(0.0);
  for (var share = first; share < shape.shares; share += step) {
    let at = 2u * (share * shape.channels + c);
    let rows = f32((shape.rows - share + shape.shares - 1u) / shape.shares);
    let delta = partials[at] - mean;
    squares += partials[at + 1u] + rows * delta * delta;
  }
  let deviations = total(lane, squares);
  if (lane > 0u) { return; }
  if (LAST == 1) {
    moments[c] = mean;
    moments[shape.channels + c] = max(deviations / allRows, Value(0.0));
  }
  if (LAST == 0) {
    moments[2u * result] = mean;
    moments[2u * result + 1u] = deviations;
  }
}
