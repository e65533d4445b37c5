// Functions of rows: the last axis, `length` values a row, one invocation per row. KIND says which:
// 0 softmax; 1 log-sum-exp, one value a row; 2 the gradient of softmax from ct and softmax's own output y,
// y * (ct - sum(ct * y)). The largest value is subtracted first, so that no exponential overflows.
const KIND = 0;
struct Shape { rows: u32, length: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> softmax: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * 64u + id.x;
  if (row >= shape.rows) { return; }
  let base = row * shape.length;
  if (KIND == 2) {
    var dot = 0.0;
    for (var i = 0u; i < shape.length; i++) { dot += x[base + i] * softmax[base + i]; }
    for (var i = 0u; i < shape.length; i++) { y[base + i] = softmax[base + i] * (x[base + i] - dot); }
    return;
  }
  var largest = x[base];
  for (var i = 1u; i < shape.length; i++) { largest = max(largest, x[base + i]); }
  var total = 0.0;
  for (var i = 0u; i < shape.length; i++) { total += exp(x[base + i] - largest); }
  if (KIND == 1) {
    y[row] = largest + log(total);
    return;
  }
  for (var i = 0u; i < shape.length; i++) { y[base + i] = exp(x[base + i] - largest) / total; }
}
