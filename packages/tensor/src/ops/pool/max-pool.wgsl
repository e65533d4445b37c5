// Max-pooling of 2x2x2 voxels, stride 2, channels last. With GRADIENT, dx gets dy at the first largest voxel of its
// window in scan order (depth slowest, width fastest) and zero elsewhere, also in what no window covers. A NaN counts as
// larger than every number.
const GRADIENT = 0;
struct Shape { count: u32, depth: u32, height: u32, width: u32, channels: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

// WGSL lets compilers take for granted that there is no NaN, so its bits are looked at.
fn isNan(value: f32) -> bool { return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u; }

// Index into x of the first largest voxel of a window, given the index of the window's first voxel.
fn largest(base: u32) -> u32 {
  var best = base;
  for (var k = 1u; k < 8u; k++) {
    let offset = ((k / 4u * shape.height + k / 2u % 2u) * shape.width + k % 2u) * shape.channels;
    let value = x[base + offset];
    let most = x[best];
    if (value > most || (isNan(value) && !isNan(most))) { best = base + offset; }
  }
  return best;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  let half = vec3u(shape.depth, shape.height, shape.width) / 2u;
  let c = i % shape.channels;
  var p = i / shape.channels;
  if (GRADIENT == 0) {
    let ow = p % half.z; p /= half.z;
    let oh = p % half.y; p /= half.y;
    let od = p % half.x;
    let n = p / half.x;
    let voxel = ((n * shape.depth + od * 2u) * shape.height + oh * 2u) * shape.width + ow * 2u;
    result[i] = x[largest(voxel * shape.channels + c)];
    return;
  }
  let w = p % shape.width; p /= shape.width;
  let h = p % shape.height; p /= shape.height;
  let d = p % shape.depth;
  let n = p / shape.depth;
  let o = vec3u(d, h, w) / 2u;
  var value = 0.0;
  if (all(o < half)) {
    let voxel = ((n * shape.depth + o.x * 2u) * shape.height + o.y * 2u) * shape.width + o.z * 2u;
    if (largest(voxel * shape.channels + c) == i) {
      value = dy[(((n * half.x + o.x) * half.y + o.y) * half.z + o.z) * shape.channels + c];
    }
  }
  result[i] = value;
}
