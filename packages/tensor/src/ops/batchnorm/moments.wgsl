// Mean and sum of squared deviations of every channel of x [rows, C], share by share. Sums are taken around the
// share's first value, so that a large mean does not drown the variance. A share's rows are strided: neighbouring
// invocations read neighbouring words whatever the number of channels.
struct Shape { rows: u32, channels: u32, shares: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let lanes = shape.shares * shape.channels;
  if (i >= lanes) { return; }
  let origin = x[i];
  var sum = 0.0;
  var squares = 0.0;
  var count = 0.0;
  for (var at = i; at < shape.rows * shape.channels; at += lanes) {
    let value = x[at] - origin;
    sum += value;
    squares += value * value;
    count += 1.0;
  }
  partials[2u * i] = origin + sum / count;
  partials[2u * i + 1u] = squares - sum * sum / count;
}
