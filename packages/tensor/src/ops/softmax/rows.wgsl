// Functions of rows: the last axis, `length` values a row, one invocation per row. KIND says which:
// 0 softmax; 1 log-sum-exp, one value a row; 2 the gradient of softmax from ct and softmax's own output y,
// y * (ct - sum(ct * y)). The largest value is subtracted first, so that no exponential overflows. A row
// with a NaN, with Infinity or with nothing but -Infinity gives NaN: WGSL leaves open what max and exp make of these, so
// that bits have to tell.
const KIND = 0;
struct Shape { rows: u32, length: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> softmax: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

fn magnitude(x: f32) -> u32 { return bitcast<u32>(x) & 0x7fffffffu; }

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
  var greatestMagnitude = magnitude(largest);
  for (var i = 1u; i < shape.length; i++) {
    let value = x[base + i];
    largest = max(largest, value);
    greatestMagnitude = max(greatestMagnitude, magnitude(value));
  }
  let isDefined = greatestMagnitude <= 0x7f800000u && magnitude(largest) < 0x7f800000u;
  let notANumber = bitcast<f32>(greatestMagnitude | 0x7fc00000u);
  var total = 0.0;
  for (var i = 0u; i < shape.length; i++) { total += exp(x[base + i] - largest); }
  if (KIND == 1) {
    y[row] = select(notANumber, largest + log(total), isDefined);
    return;
  }
  for (var i = 0u; i < shape.length; i++) {
    y[base + i] = select(notANumber, exp(x[base + i] - largest) / total, isDefined);
  }
}
