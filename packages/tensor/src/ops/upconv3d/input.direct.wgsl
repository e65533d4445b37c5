// dx[m, ci] = sum over taps k and co of s[m, k, co] w[k, ci, co], where s are the sums of tap-sums.wgsl. One invocation
// makes one element. Runs anywhere.
struct Shape { firstVoxel: u32, voxels: u32, inputChannels: u32, outputChannels: u32 }
@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.voxels * shape.inputChannels) { return; }
  let ci = i % shape.inputChannels;
  let m = i / shape.inputChannels;
  var sum = 0.0;
  for (var k = 0u; k < 27u; k++) {
    let sBase = (m * 27u + k) * shape.outputChannels;
    let wBase = (k * shape.inputChannels + ci) * shape.outputChannels;
    for (var co = 0u; co < shape.outputChannels; co++) { sum += s[sBase + co] * w[wBase + co]; }
  }
  dx[shape.firstVoxel * shape.inputChannels + i] = sum;
}
