// dw of a 3x3x3 convolution of stride 1, padding 1, for devices where a load costs far more than a multiply-add.
// A workgroup is one subgroup and its lanes are neighbouring output channels. It keeps the nine taps of one plane of
// the kernel for CHANNELS input channels in registers and walks over its share of the planes (n, d), strip by strip of
// TILE_W columns and down along each: a row of x is gathered along the width and broadcast once, and meets the three
// rows of dy that are kept at hand. `sum` of the shares follows. NORMALIZED is that of forward.lanes.wgsl.
enable subgroups;

const LANES = 8;
const TILE_W = 4;
const CHANNELS = 4;
const VECTORS = 1;
const NORMALIZED = 0;
const PATCH_W = TILE_W + 2;
const GATHERS = (PATCH_W + LANES - 1) / LANES;

struct Shape {
  inputChannels: i32, outputChannels: i32,
  depth: i32, height: i32, width: i32,
  planes: i32, planesPerShare: i32, channelGroups: i32, replicate: i32, slope: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

// dy; zero below its plane and to the right of it, so that products with it vanish.
fn gradientAt(plane: i32, row: i32, column: i32, channel: i32) -> f32 {
  let voxel = (plane * shape.height + min(row, shape.height - 1)) * shape.width + min(column, shape.width - 1);
  return select(0.0, dy[voxel * shape.outputChannels + channel], (row < shape.height) & (column < shape.width));
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) invocation: u32, @builtin(workgroup_id) group: vec3u) {
  let lane = i32(invocation);
  let ci0 = i32(group.x) % shape.channelGroups * CHANNELS;
  let kd = i32(group.x) / shape.channelGroups;
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;
  let co = i32(group.y) * LANES * VECTORS + lane;
  let share = i32(group.z);

  // Lanes past the last channel compute a copy of it and keep it to themselves.
  // registers
  var channel: array<i32, VECTORS>;
  // unroll
  for (var v = 0; v < VECTORS; v++) { channel[v] = min(co + v * LANES, outputs - 1); }
  // registers
  var sum: array<f32, 9 * CHANNELS * VECTORS>;
  // unroll
  for (var k = 0; k < 9 * CHANNELS * VECTORS; k++) { sum[k] = 0.0; }

  // registers
  var normal: array<f32, 3 * CHANNELS>;
  if (NORMALIZED == 1) {
    // unroll
    for (var k = 0; k < 3; k++) {
      // unroll
      for (var j = 0; j < CHANNELS; j++) {
        normal[k * CHANNELS + j] = scales[k * inputs + min(ci0 + j, inputs - 1)];
      }
    }
  }

  let lastPlane = min((share + 1) * shape.planesPerShare, shape.planes);
  for (var p = share * shape.planesPerShare; p < lastPlane; p++) {
    let d = p % shape.depth;
    let n = p / shape.depth;
    let plane = clamp(d + kd - 1, 0, shape.depth - 1);
    if (plane != d + kd - 1 && shape.replicate == 0) { continue; }
    let planeBase = (n * shape.depth + plane) * shape.height;
    for (var w0 = 0; w0 < shape.width; w0 += TILE_W) {
      // Where the lanes find the columns of a row of x, and which of them lie outside.
      // registers
      var column: array<i32, GATHERS>;
      // registers
      var inside: array<bool, GATHERS>;
      // unroll
      for (var g = 0; g < GATHERS; g++) {
        let wanted = w0 - 1 + lane + g * LANES;
        column[g] = clamp(wanted, 0, shape.width - 1) * inputs;
        inside[g] = (column[g] == wanted * inputs) | (shape.replicate == 1);
      }
      // Row h of x meets rows h + 1, h and h - 1 of dy, through the taps kh = 0, 1 and 2. The first is zero above.
      // registers
      var gradient: array<f32, 3 * TILE_W * VECTORS>;
      // unroll
      for (var i = 0; i < 3 * TILE_W * VECTORS; i++) { gradient[i] = 0.0; }
      if (shape.replicate == 0) {
        // unroll
        for (var c = 0; c < TILE_W; c++) {
          // unroll
          for (var v = 0; v < VECTORS; v++) { gradient[c * VECTORS + v] = gradientAt(p, 0, w0 + c, channel[v]); }
        }
      }
      // A replicated border has rows of its own, above the first and below the last.
      for (var h = -shape.replicate; h < shape.height + shape.replicate; h++) {
        // unroll
        for (var i = 0; i < TILE_W * VECTORS; i++) {
          gradient[2 * TILE_W * VECTORS + i] = gradient[TILE_W * VECTORS + i];
          gradient[TILE_W * VECTORS + i] = gradient[i];
        }
        // unroll
        for (var c = 0; c < TILE_W; c++) {
          // unroll
          for (var v = 0; v < VECTORS; v++) { gradient[c * VECTORS + v] = gradientAt(p, h + 1, w0 + c, channel[v]); }
        }
        let rowBase = (planeBase + clamp(h, 0, shape.height - 1)) * shape.width * inputs;
        // unroll
        for (var j = 0; j < CHANNELS; j++) {
          let ci = min(ci0 + j, inputs - 1);
          // registers
          var gathered: array<f32, GATHERS>;
          // unroll
          for (var g = 0; g < GATHERS; g++) {
            var value = x[rowBase + column[g] + ci];
            if (NORMALIZED == 1) {
              value = (value - normal[j]) * normal[CHANNELS + j] + normal[2 * CHANNELS + j];
              value = select(shape.slope * value, value, value > 0.0);
            }
            gathered[g] = select(0.0, value, inside[g]);
          }
          // unroll
          for (var c = 0; c < PATCH_W; c++) {
            let value = subgroupBroadcast(gathered[c / LANES], u32(c % LANES));
            // unroll
            for (var kh = 0; kh < 3; kh++) {
              // unroll
              for (var kw = 0; kw < 3; kw++) {
                if (c - kw >= 0 && c - kw < TILE_W) {
                  // unroll
                  for (var v = 0; v < VECTORS; v++) {
                    sum[(j * 9 + kh * 3 + kw) * VECTORS + v] =
                      fma(value, gradient[(kh * TILE_W + c - kw) * VECTORS + v], sum[(j * 9 + kh * 3 + kw) * VECTORS + v]);
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  // unroll
  for (var v = 0; v < VECTORS; v++) {
    // unroll
    for (var j = 0; j < CHANNELS; j++) {
      if ((co + v * LANES < outputs) & (ci0 + j < inputs)) {
        // unroll
        for (var k = 0; k < 9; k++) {
          dw[((share * 27 + kd * 9 + k) * inputs + ci0 + j) * outputs + co + v * LANES] = sum[(j * 9 + k) * VECTORS + v];
        }
      }
    }
  }
}
