// Joins the partial moments [shares, 3, C] of `moments.wgsl`, or of a convolution's tiles: the mean of their means, then
// the squared deviations from it (Chan, Golub and LeVeque 1979). A workgroup takes one channel and every `joined`th share;
// its lanes add up strided ones of these and then join in a tree, so that rounding grows with the logarithm of the shares.
// What comes out are `joined` shares in the place of `shares`. The last join, with one, makes moments [2, C]: means, then
// biased variances.
alias Value = f32;
alias Bits = u32;
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
  let result = 3u * group.y * shape.channels + c;
  let first = group.y + lane * shape.joined;
  let step = u32(LANES) * shape.joined;
  let origin = partials[result];
  var sum = Value(0.0);
  var count = Value(0.0);
  for (var share = first; share < shape.shares; share += step) {
    let at = 3u * share * shape.channels + c;
    count += partials[at + 2u * shape.channels];
    sum += partials[at + 2u * shape.channels] * (partials[at] - origin);
  }
  // The last join need not count: barriers are dear on software devices.
  var rows = Value(f32(shape.rows));
  if (LAST == 0) { rows = total(lane, count); }
  let mean = origin + total(lane, sum) / rows;
  var squares = Value(0.0);
  for (var share = first; share < shape.shares; share += step) {
    let at = 3u * share * shape.channels + c;
    let delta = partials[at] - mean;
    squares += partials[at + shape.channels] + partials[at + 2u * shape.channels] * delta * delta;
  }
  let deviations = total(lane, squares);
  if (lane > 0u) { return; }
  if (LAST == 1) {
    moments[c] = mean;
    // Rounding can leave a variance below zero. One that is no number must not become zero: its bits tell.
    let variance = deviations / rows;
    let isNan = (bitcast<Bits>(variance) & Bits(0x7fffffffu)) > Bits(0x7f800000u);
    moments[shape.channels + c] = select(max(variance, Value(0.0)), variance, isNan);
  }
  if (LAST == 0) {
    moments[result] = mean;
    moments[result + shape.channels] = deviations;
    moments[result + 2u * shape.channels] = rows;
  }
}
