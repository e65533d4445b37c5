// dx = weight / sqrt(variance + epsilon) * (g - mean(g) - normalised x * mean(g * normalised x)), g being ct behind the
// activation. With fixed moments (evaluation mode) the two means drop out: BATCH = 0.
alias Value = f32;
const BATCH = 1;
struct Shape { rows: i32, channels: i32, shares: i32, epsilon: f32, slope: f32 }
@group(0) @binding(0) var<storage, read> ct: array<Value>;
@group(0) @binding(1) var<storage, read> x: array<Value>;
@group(0) @binding(2) var<storage, read> moments: array<Value>;
@group(0) @binding(3) var<storage, read> weight: array<Value>;
@group(0) @binding(4) var<storage, read> bias: array<Value>;
@group(0) @binding(5) var<storage, read> sums: array<Value>;
@group(0) @binding(6) var<storage, read_write> dx: array<Value>;
@group(0) @binding(7) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let lanes = shape.shares * shape.channels;
  if (i >= lanes) { return; }
  let c = i % shape.channels;
  let mean = moments[c];
  let inverse = Value(1.0) / sqrt(moments[shape.channels + c] + Value(shape.epsilon));
  let scale = weight[c];
  let shift = bias[c];
  var meanG = Value(0.0);
  var meanProduct = Value(0.0);
  if (BATCH == 1) {
    meanG = sums[c] / f32(shape.rows);
    meanProduct = sums[shape.channels + c] / f32(shape.rows);
  }
  for (var at = i; at < shape.rows * shape.channels; at += lanes) {
    let normalised = (x[at] - mean) * inverse;
    let g = ct[at] * select(Value(shape.slope), Value(1.0), normalised * scale + shift > Value(0.0));
    dx[at] = scale * inverse * (g - meanG - normalised * meanProduct);
  }
}
