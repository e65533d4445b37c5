// dx[m, ci] = sum over taps k and co of s[m, k, co] w[k, ci, co], where s are the sums of tap-sums.wgsl, for devices
// where a load costs far more than a multiply-add. A workgroup is one subgroup and its lanes are neighbouring input
// channels. It makes VOXELS neighbouring voxels: the lanes gather LANES of a voxel's sums at once and broadcast them.
enable subgroups;

const LANES = 8;
const VOXELS = 16;
const VECTORS = 2;

struct Shape { firstVoxel: i32, voxels: i32, inputChannels: i32, outputChannels: i32 }
@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) invocation: u32, @builtin(workgroup_id) group: vec3u) {
  let lane = i32(invocation);
  let m0 = i32(group.x) * VOXELS;
  let ci = i32(group.y) * LANES * VECTORS + lane;
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;

  // Lanes past the last channel compute a copy of it and keep it to themselves.
  // registers
  var channel: array<i32, VECTORS>;
  // unroll
  for (var v = 0; v < VECTORS; v++) { channel[v] = min(ci + v * LANES, inputs - 1); }
  // registers
  var sum: array<f32, VOXELS * VECTORS>;
  // unroll
  for (var p = 0; p < VOXELS * VECTORS; p++) { sum[p] = 0.0; }

  for (var k = 0; k < 27; k++) {
    for (var co0 = 0; co0 < outputs; co0 += LANES) {
      let own = min(co0 + lane, outputs - 1);
      // registers
      var gathered: array<f32, VOXELS>;
      // unroll
      for (var p = 0; p < VOXELS; p++) {
        gathered[p] = select(0.0, s[(min(m0 + p, shape.voxels - 1) * 27 + k) * outputs + own], co0 + lane < outputs);
      }
      // unroll
      for (var j = 0; j < LANES; j++) {
        let co = min(co0 + j, outputs - 1);
        // registers
        var weight: array<f32, VECTORS>;
        // unroll
        for (var v = 0; v < VECTORS; v++) { weight[v] = w[(k * inputs + channel[v]) * outputs + co]; }
        // unroll
        for (var p = 0; p < VOXELS; p++) {
          let value = subgroupBroadcast(gathered[p], u32(j));
          // unroll
          for (var v = 0; v < VECTORS; v++) { sum[p * VECTORS + v] += value * weight[v]; }
        }
      }
    }
  }

  // unroll
  for (var p = 0; p < VOXELS; p++) {
    // unroll
    for (var v = 0; v < VECTORS; v++) {
      if ((m0 + p < shape.voxels) & (ci + v * LANES < inputs)) {
        dx[(shape.firstVoxel + m0 + p) * inputs + ci + v * LANES] = sum[p * VECTORS + v];
      }
    }
  }
}
