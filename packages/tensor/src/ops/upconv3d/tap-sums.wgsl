// s[m, k, co] = the sum of dy over the outputs whose tap k falls on voxel m of the low-resolution x. With it both
// gradients are plain products: dx[m, ci] = sum of s[m, k, co] w[k, ci, co], dw[k, ci, co] = sum of x[m, ci] s[m, k, co].
//
// On one axis, tap k of output o falls on voxel i if o + k - 1 is 2i or 2i+1. So of the four outputs around the voxel,
// 2i - 1 + u for u = 0 to 3, tap k takes those with u + k = 2 or 3. Outputs beyond the border are zero. With a
// replicated padding the outermost output's outer tap falls on the border voxel as well: k = 0, u = 1 at the first
// voxel, k = 2, u = 2 at the last. One invocation makes the 27 sums of one m and Value of co. s holds
// the voxels from firstVoxel on: a large volume is done in pieces.
alias Value = f32;
struct Shape {
  firstVoxel: u32, count: u32, channels: u32,
  depth: i32, height: i32, width: i32, replicate: u32,
}
@group(0) @binding(0) var<storage, read> dy: array<Value>;
@group(0) @binding(1) var<storage, read_write> s: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= shape.count) { return; }
  let co = index % shape.channels;
  let m = shape.firstVoxel + index / shape.channels;
  let i = i32(m) % shape.width;
  let h = i32(m) / shape.width % shape.height;
  let d = i32(m) / (shape.width * shape.height) % shape.depth;
  let n = i32(m) / (shape.width * shape.height * shape.depth);

  // 1 where an outermost output counts for its outer tap too, else 0.
  let at = vec3i(d, h, i);
  let size = vec3i(shape.depth, shape.height, shape.width);
  let replicate = vec3<bool>(shape.replicate == 1u);
  let first = select(vec3f(0.0), vec3f(1.0), (at == vec3i(0)) & replicate);
  let last = select(vec3f(0.0), vec3f(1.0), (at == size - 1) & replicate);

  // registers
  var sum: array<Value, 27>;
  // unroll
  for (var k = 0; k < 27; k++) { sum[k] = Value(0.0); }
  // unroll
  for (var ud = 0; ud < 4; ud++) {
    let od = 2 * d - 1 + ud;
    let depthInside = (od >= 0) & (od < 2 * shape.depth);
    // registers
    var plane: array<Value, 9>;
    // unroll
    for (var k = 0; k < 9; k++) { plane[k] = Value(0.0); }
    // unroll
    for (var uh = 0; uh < 4; uh++) {
      let oh = 2 * h - 1 + uh;
      let rowInside = depthInside & (oh >= 0) & (oh < 2 * shape.height);
      let row = ((n * 2 * shape.depth + od) * 2 * shape.height + oh) * 2 * shape.width;
      // registers
      var value: array<Value, 4>;
      // unroll
      for (var uw = 0; uw < 4; uw++) {
        let ow = 2 * i - 1 + uw;
        value[uw] = Value(0.0);
        if (rowInside & (ow >= 0) & (ow < 2 * shape.width)) { value[uw] = dy[u32(row + ow) * shape.channels + co]; }
      }
      // registers
      var line: array<Value, 3>;
      line[0] = value[2] + value[3] + first.z * value[1];
      line[1] = value[1] + value[2];
      line[2] = value[0] + value[1] + last.z * value[2];
      // unroll
      for (var kh = 0; kh < 3; kh++) {
        // unroll
        for (var kw = 0; kw < 3; kw++) {
          if (uh + kh == 2 || uh + kh == 3) { plane[kh * 3 + kw] += line[kw]; }
          if (uh == 1 && kh == 0) { plane[kw] += first.y * line[kw]; }
          if (uh == 2 && kh == 2) { plane[6 + kw] += last.y * line[kw]; }
        }
      }
    }
    // unroll
    for (var kd = 0; kd < 3; kd++) {
      // unroll
      for (var k = 0; k < 9; k++) {
        if (ud + kd == 2 || ud + kd == 3) { sum[kd * 9 + k] += plane[k]; }
        if (ud == 1 && kd == 0) { sum[k] += first.x * plane[k]; }
        if (ud == 2 && kd == 2) { sum[18 + k] += last.x * plane[k]; }
      }
    }
  }
  // unroll
  for (var k = 0; k < 27; k++) { s[(index / shape.channels * 27u + u32(k)) * shape.channels + co] = sum[k]; }
}
