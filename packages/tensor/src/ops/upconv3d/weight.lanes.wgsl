// dw[k, ci, co] = sum over voxels m of x[m, ci] s[m, k, co], where s are the sums of tap-sums.wgsl, for devices where a
// load costs far more than a multiply-add. A workgroup is one subgroup and its lanes are neighbouring pairs (k, co). It
// keeps CHANNELS input channels in registers and walks over its share of the voxels: s is loaded once per lane, x is
// gathered along the channels and broadcast. With ADDS, a share is added to that of earlier voxels; `sum` of the shares
// follows. NORMALIZED is that of forward.lanes.wgsl.
enable subgroups;

const LANES = 8;
const CHANNELS = 8;
const VECTORS = 4;
const ADDS = 0;
const NORMALIZED = 0;
const GATHERS = (CHANNELS + LANES - 1) / LANES;

struct Shape {
  firstVoxel: i32, voxels: i32, inputChannels: i32, outputChannels: i32,
  firstShare: i32, voxelsPerShare: i32, slope: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> s: array<f32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) invocation: u32, @builtin(workgroup_id) group: vec3u) {
  let lane = i32(invocation);
  let ci0 = i32(group.y) * CHANNELS;
  let share = i32(group.z);
  let inputs = shape.inputChannels;
  let pairs = 27 * shape.outputChannels;
  let j0 = i32(group.x) * LANES * VECTORS + lane;

  // Lanes past the last pair or channel compute a copy of it and keep it to themselves.
  // registers
  var pair: array<i32, VECTORS>;
  // unroll
  for (var v = 0; v < VECTORS; v++) { pair[v] = min(j0 + v * LANES, pairs - 1); }
  // registers
  var channel: array<i32, GATHERS>;
  // unroll
  for (var g = 0; g < GATHERS; g++) { channel[g] = min(ci0 + g * LANES + lane, inputs - 1); }
  // registers
  var sum: array<f32, CHANNELS * VECTORS>;
  // unroll
  for (var p = 0; p < CHANNELS * VECTORS; p++) { sum[p] = 0.0; }

  // registers
  var normal: array<f32, 3 * GATHERS>;
  if (NORMALIZED == 1) {
    // unroll
    for (var k = 0; k < 3; k++) {
      // unroll
      for (var g = 0; g < GATHERS; g++) { normal[k * GATHERS + g] = scales[k * inputs + channel[g]]; }
    }
  }

  let end = min((share + 1) * shape.voxelsPerShare, shape.voxels);
  for (var m = share * shape.voxelsPerShare; m < end; m++) {
    // registers
    var gradient: array<f32, VECTORS>;
    // unroll
    for (var v = 0; v < VECTORS; v++) { gradient[v] = s[m * pairs + pair[v]]; }
    // registers
    var gathered: array<f32, GATHERS>;
    // unroll
    for (var g = 0; g < GATHERS; g++) {
      var value = x[(shape.firstVoxel + m) * inputs + channel[g]];
      if (NORMALIZED == 1) {
        value = (value - normal[g]) * normal[GATHERS + g] + normal[2 * GATHERS + g];
        value = select(shape.slope * value, value, value > 0.0);
      }
      gathered[g] = value;
    }
    // unroll
    for (var c = 0; c < CHANNELS; c++) {
      let value = subgroupBroadcast(gathered[c / LANES], u32(c % LANES));
      // unroll
      for (var v = 0; v < VECTORS; v++) { sum[c * VECTORS + v] += value * gradient[v]; }
    }
  }

  // unroll
  for (var v = 0; v < VECTORS; v++) {
    let tap = pair[v] / shape.outputChannels;
    let co = pair[v] % shape.outputChannels;
    // unroll
    for (var c = 0; c < CHANNELS; c++) {
      if ((j0 + v * LANES < pairs) & (ci0 + c < inputs)) {
        let at = (((shape.firstShare + share) * 27 + tap) * inputs + ci0 + c) * shape.outputChannels + co;
        if (ADDS == 1) { sum[c * VECTORS + v] += dw[at]; }
        dw[at] = sum[c * VECTORS + v];
      }
    }
  }
}
