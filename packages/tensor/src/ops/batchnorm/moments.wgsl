// Mean and sum of squared deviations of every channel of x [rows, C], share by share. Sums are taken around the
// share's first value, so that a large mean does not drown the variance, and in blocks, so that rounding grows slowly.
// A share's rows are strided: neighbouring invocations read neighbouring words whatever the number of channels.
// partials is [shares, 3, C]: means, squared deviations, and how many values they are of.
alias Value = f32;
const BLOCK = 8;
struct Shape { rows: i32, channels: i32, shares: i32 }
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> partials: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let lanes = shape.shares * shape.channels;
  if (i >= lanes) { return; }
  let rows = (shape.rows - i / shape.channels + shape.shares - 1) / shape.shares;
  let origin = x[i];
  var sum = Value(0.0);
  var squares = Value(0.0);
  var at = i;
  for (var block = 0; block < rows / BLOCK; block++) {
    var blockSum = Value(0.0);
    var blockSquares = Value(0.0);
    // unroll
    for (var k = 0; k < BLOCK; k++) {
      let value = x[at + k * lanes] - origin;
      blockSum += value;
      blockSquares += value * value;
    }
    sum += blockSum;
    squares += blockSquares;
    at += BLOCK * lanes;
  }
  for (var row = rows / BLOCK * BLOCK; row < rows; row++) {
    let value = x[at] - origin;
    sum += value;
    squares += value * value;
    at += lanes;
  }
  let place = i + i / shape.channels * 2 * shape.channels;
  partials[place] = origin + sum / f32(rows);
  partials[place + shape.channels] = squares - sum * sum / f32(rows);
  partials[place + 2 * shape.channels] = Value(f32(rows));
}
