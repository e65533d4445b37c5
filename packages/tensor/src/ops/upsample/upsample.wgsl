// Nearest upsampling by 2 on every axis, channels last; `large` is the shape of the larger tensor. With ADJOINT, the
// smaller tensor gets the sum of the eight voxels that were made from each of its own.
const ADJOINT = 0;
struct Shape { count: u32, depth: u32, height: u32, width: u32, channels: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> large: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= large.count) { return; }
  let half = vec3u(large.depth, large.height, large.width) / 2u;
  let c = i % large.channels;
  var p = i / large.channels;
  if (ADJOINT == 0) {
    let w = p % large.width; p /= large.width;
    let h = p % large.height; p /= large.height;
    let d = p % large.depth;
    let n = p / large.depth;
    y[i] = x[(((n * half.x + d / 2u) * half.y + h / 2u) * half.z + w / 2u) * large.channels + c];
    return;
  }
  let w = p % half.z; p /= half.z;
  let h = p % half.y; p /= half.y;
  let d = p % half.x;
  let n = p / half.x;
  let base = (((n * large.depth + d * 2u) * large.height + h * 2u) * large.width + w * 2u) * large.channels + c;
  var sum = 0.0;
  for (var k = 0u; k < 8u; k++) {
    sum += x[base + ((k / 4u * large.height + k / 2u % 2u) * large.width + k % 2u) * large.channels];
  }
  y[i] = sum;
}
