// y = addend + 3x3x3 convolution (stride 1, padding 1) of the upsampled x. One invocation makes one element of y: it
// reads the 2x2x2 voxels of x that the 27 taps fall on, and for each the sum of the taps that fall on it. Runs anywhere.
const ADDEND = 0;

struct Shape {
  batch: u32, inputChannels: u32, outputChannels: u32,
  depth: u32, height: u32, width: u32, replicate: u32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> addend: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let size = vec3u(shape.depth, shape.height, shape.width);
  let positions = 8u * size.x * size.y * size.z;
  if (i >= shape.batch * positions * shape.outputChannels) { return; }
  let co = i % shape.outputChannels;
  let position = i / shape.outputChannels;
  let n = position / positions;
  let at = vec3u(position / (4u * size.z * size.y) % (2u * size.x), position / (2u * size.z) % (2u * size.y), position % (2u * size.z));
  let parity = at % 2u;

  var sum = 0.0;
  if (ADDEND == 1) { sum = addend[i]; }
  for (var corner = 0u; corner < 8u; corner++) {
    let t = vec3u(corner / 4u, corner / 2u % 2u, corner % 2u);
    let wanted = vec3i(at / 2u + parity + t) - 1;
    let voxel = vec3u(clamp(wanted, vec3i(0), vec3i(size) - 1));
    if (shape.replicate == 0u && any(vec3i(voxel) != wanted)) { continue; }
    // On each axis, taps `first` to `last` fall on this voxel.
    let first = t * (1u + parity);
    let last = first + select(vec3u(0u), vec3u(1u), t != parity);
    let xBase = (((n * size.x + voxel.x) * size.y + voxel.y) * size.z + voxel.z) * shape.inputChannels;
    for (var ci = 0u; ci < shape.inputChannels; ci++) {
      var tap = 0.0;
      for (var kd = first.x; kd <= last.x; kd++) {
        for (var kh = first.y; kh <= last.y; kh++) {
          for (var kw = first.z; kw <= last.z; kw++) {
            tap += w[((kd * 9u + kh * 3u + kw) * shape.inputChannels + ci) * shape.outputChannels + co];
          }
        }
      }
      sum += x[xBase + ci] * tap;
    }
  }
  y[i] = sum;
}
