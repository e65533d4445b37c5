// Max-pooling of 2x2x2 voxels, stride 2, channels last, where windows cover the whole input; sizes are those of the
// smaller tensor. With GRADIENT, dx gets dy at the first largest voxel of its window in scan order (depth slowest, width
// fastest) and zero elsewhere. An invocation walks along a row of windows with one channel: it divides once for a whole
// row, and touches every voxel once. With NORMALIZED, x is normalised and activated as it is loaded, and the gradient is
// that of the normalised voxels; `scales` has the rows of channel-scales.wgsl. A NaN counts as larger than every number;
// WGSL lets compilers take for granted that there is none, so bits are looked at.
alias Value = f32;
alias Bits = u32;
const GRADIENT = 0;
const NORMALIZED = 0;
struct Shape { rows: i32, height: i32, width: i32, channels: i32, slope: f32 }
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> dy: array<Value>;
@group(0) @binding(2) var<storage, read> scales: array<Value>;
@group(0) @binding(3) var<storage, read_write> result: array<Value>;
@group(0) @binding(4) var<uniform> shape: Shape;

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
  // registers
  var normal: array<Value, 3>;
  if (NORMALIZED == 1) {
    // unroll
    for (var k = 0; k < 3; k++) { normal[k] = scales[k * shape.channels + c]; }
  }
  for (var w = 0; w < shape.width; w++) {
    // registers
    var voxel: array<Value, 8>;
    var largest = Value();
    // unroll
    for (var k = 0; k < 8; k++) {
      voxel[k] = x[large + k / 4 * largePlane + k / 2 % 2 * largeRow + k % 2 * shape.channels];
      if (NORMALIZED == 1) {
        voxel[k] = (voxel[k] - normal[0]) * normal[1] + normal[2];
        voxel[k] = select(shape.slope * voxel[k], voxel[k], voxel[k] > Value(0.0));
      }
      if (k == 0) { largest = voxel[k]; }
      // Without their signs, bits have the order of magnitudes, and a NaN has the greatest.
      let isNan = (bitcast<Bits>(voxel[k]) & Bits(0x7fffffffu)) > Bits(0x7f800000u);
      let hasNan = (bitcast<Bits>(largest) & Bits(0x7fffffffu)) > Bits(0x7f800000u);
      largest = select(largest, voxel[k], isNan | ((voxel[k] > largest) & !hasNan));
    }
    if (GRADIENT == 0) { result[small] = largest; }
    if (GRADIENT == 1) {
      // The first voxel that equals the largest takes the gradient and leaves none.
      var gradient = dy[small];
      // unroll
      for (var k = 0; k < 8; k++) {
        let at = large + k / 4 * largePlane + k / 2 % 2 * largeRow + k % 2 * shape.channels;
        let isNan = (bitcast<Bits>(voxel[k]) & Bits(0x7fffffffu)) > Bits(0x7f800000u);
        let isLargest = isNan | (voxel[k] == largest);
        result[at] = select(Value(0.0), gradient, isLargest);
        gradient = select(gradient, Value(0.0), isLargest);
      }
    }
    small += shape.channels;
    large += 2 * shape.channels;
  }
}
