// dw[k, ci, co] = sum over voxels m of x[m, ci] s[m, k, co], where s are the sums of tap-sums.wgsl. One invocation sums
// one weight's products over its share of the voxels. With ADDS, a share is added to that of earlier voxels; `sum` of the
// shares follows. Runs anywhere.
const ADDS = 0;
struct Shape {
  firstVoxel: u32, voxels: u32, inputChannels: u32, outputChannels: u32,
  firstShare: u32, voxelsPerShare: u32, shares: u32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> s: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let weights = 27u * shape.inputChannels * shape.outputChannels;
  if (i >= weights * shape.shares) { return; }
  let co = i % shape.outputChannels;
  let ci = i / shape.outputChannels % shape.inputChannels;
  let tap = i % weights / (shape.outputChannels * shape.inputChannels);
  let share = i / weights;
  let at = shape.firstShare * weights + i;
  var sum = 0.0;
  if (ADDS == 1) { sum = dw[at]; }
  for (var m = share * shape.voxelsPerShare; m < min((share + 1u) * shape.voxelsPerShare, shape.voxels); m++) {
    sum += x[(shape.firstVoxel + m) * shape.inputChannels + ci] * s[(m * 27u + tap) * shape.outputChannels + co];
  }
  dw[at] = sum;
}
