// Nearest upsampling by 2 on every axis, channels last; sizes are those of the smaller tensor. With ADJOINT, the smaller
// tensor gets the sum of the eight voxels that were made from each of its own. An invocation walks along the width of
// the smaller tensor with one channel: it divides once for a whole row, and touches every voxel of either tensor once.
alias Value = f32;
const ADJOINT = 0;
struct Shape { rows: i32, height: i32, width: i32, channels: i32 }
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  if (i >= shape.rows * shape.channels) { return; }
  let c = i % shape.channels;
  let row = i / shape.channels;
  let largeRow = 2 * shape.width * shape.channels;
  let largePlane = 2 * shape.height * largeRow;
  var small = row * shape.width * shape.channels + c;
  // Planes of all samples follow each other, two large ones for every small one.
  var large = row / shape.height * 2 * largePlane + row % shape.height * 2 * largeRow + c;
  for (var w = 0; w < shape.width; w++) {
    var value = Value(0.0);
    if (ADJOINT == 0) { value = x[small]; }
    // unroll
    for (var k = 0; k < 8; k++) {
      let at = large + k / 4 * largePlane + k / 2 % 2 * largeRow + k % 2 * shape.channels;
      if (ADJOINT == 0) { y[at] = value; }
      if (ADJOINT == 1) { value += x[at]; }
    }
    if (ADJOINT == 1) { y[small] = value; }
    small += shape.channels;
    large += 2 * shape.channels;
  }
}
