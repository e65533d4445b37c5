// y = addend + 3x3x3 convolution (stride 1, padding 1) of the upsampled x, for devices where a load costs far more than
// a multiply-add. Written like conv3d's forward.lanes.wgsl: a workgroup is one subgroup, its lanes are neighbouring
// output channels, x is gathered along the width and broadcast.
//
// On one axis, outputs 2i and 2i+1 see only x[i-1], x[i] and x[i+1]:
//   y[2i]   =  w0       x[i-1] + (w1 + w2) x[i]
//   y[2i+1] = (w0 + w1) x[i]   +  w2       x[i+1]
// So there are four sums of taps, number q = 2 * parity + t with t = 0, 1, and sum q meets x[i - 1 + (q + 1) / 2]. A
// workgroup makes TILE_H x TILE_W low-resolution positions of one full-resolution plane: four outputs each. NORMALIZED,
// MOMENTS and HALVES are those of conv3d's kernel.
enable subgroups;

const LANES = 8;
const TILE_W = 4;
const TILE_H = 4;
const VECTORS = 1;
const ADDEND = 0;
const NORMALIZED = 0;
const MOMENTS = 0;
const HALVES = 0;
const PATCH_W = TILE_W + 2;
const PATCH_H = TILE_H + 2;
const GATHERS = (PATCH_W + LANES - 1) / LANES;

struct Shape {
  inputChannels: i32, outputChannels: i32,
  depth: i32, height: i32, width: i32,
  tilesW: i32, tilesH: i32, replicate: i32, slope: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> addend: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> shape: Shape;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) invocation: u32, @builtin(workgroup_id) group: vec3u) {
  let lane = i32(invocation);
  let tile = i32(group.x);
  let w0 = tile % shape.tilesW * TILE_W;
  let h0 = tile / shape.tilesW % shape.tilesH * TILE_H;
  let d = tile / (shape.tilesW * shape.tilesH);
  let parity = d % 2;
  let co = i32(group.y) * LANES * VECTORS + lane;
  let n = i32(group.z);
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;

  // Lanes past the last channel compute a copy of it and keep it to themselves.
  // registers
  var channel: array<i32, VECTORS>;
  // unroll
  for (var v = 0; v < VECTORS; v++) { channel[v] = min(co + v * LANES, outputs - 1); }
  // registers
  var sum: array<f32, 4 * TILE_H * TILE_W * VECTORS>;
  // unroll
  for (var p = 0; p < 4 * TILE_H * TILE_W * VECTORS; p++) { sum[p] = 0.0; }

  // Where the lanes find the columns of the patch, and which of them lie outside.
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

  for (var t = 0; t < 2; t++) {
    let wanted = d / 2 - 1 + parity + t;
    let plane = clamp(wanted, 0, shape.depth - 1);
    if (plane != wanted && shape.replicate == 0) { continue; }
    let planeBase = (n * shape.depth + plane) * shape.height;
    // One or two planes of taps fall on this plane of x.
    let firstTap = select(0, 9 * (1 + parity), t == 1);
    let two = t != parity;
    for (var ci = 0; ci < inputs; ci++) {
      // registers
      var weight: array<f32, 9 * VECTORS>;
      // unroll
      for (var k = 0; k < 9; k++) {
        // unroll
        for (var v = 0; v < VECTORS; v++) {
          weight[k * VECTORS + v] = w[((firstTap + k) * inputs + ci) * outputs + channel[v]];
        }
      }
      if (two) {
        // unroll
        for (var k = 0; k < 9; k++) {
          // unroll
          for (var v = 0; v < VECTORS; v++) {
            weight[k * VECTORS + v] += w[((firstTap + 9 + k) * inputs + ci) * outputs + channel[v]];
          }
        }
      }
      // Sums of taps: first those of rows, then those of columns.
      // registers
      var rows: array<f32, 12 * VECTORS>;
      // unroll
      for (var k = 0; k < 3 * VECTORS; k++) {
        rows[k] = weight[k];
        rows[3 * VECTORS + k] = weight[3 * VECTORS + k] + weight[6 * VECTORS + k];
        rows[6 * VECTORS + k] = weight[k] + weight[3 * VECTORS + k];
        rows[9 * VECTORS + k] = weight[6 * VECTORS + k];
      }
      // registers
      var taps: array<f32, 16 * VECTORS>;
      // unroll
      for (var q = 0; q < 4; q++) {
        // unroll
        for (var v = 0; v < VECTORS; v++) {
          taps[(q * 4) * VECTORS + v] = rows[(q * 3) * VECTORS + v];
          taps[(q * 4 + 1) * VECTORS + v] = rows[(q * 3 + 1) * VECTORS + v] + rows[(q * 3 + 2) * VECTORS + v];
          taps[(q * 4 + 2) * VECTORS + v] = rows[(q * 3) * VECTORS + v] + rows[(q * 3 + 1) * VECTORS + v];
          taps[(q * 4 + 3) * VECTORS + v] = rows[(q * 3 + 2) * VECTORS + v];
        }
      }
      // registers
      var normal: array<f32, 3>;
      if (NORMALIZED == 1) {
        // unroll
        for (var k = 0; k < 3; k++) { normal[k] = scales[k * inputs + ci]; }
      }
      // unroll
      for (var r = 0; r < PATCH_H; r++) {
        let wantedRow = h0 + r - 1;
        let row = clamp(wantedRow, 0, shape.height - 1);
        let rowInside = (row == wantedRow) | (shape.replicate == 1);
        let rowBase = (planeBase + row) * shape.width * inputs + ci;
        // registers
        var gathered: array<f32, GATHERS>;
        // unroll
        for (var g = 0; g < GATHERS; g++) {
          var value = x[rowBase + column[g]];
          if (NORMALIZED == 1) {
            value = (value - normal[0]) * normal[1] + normal[2];
            value = select(shape.slope * value, value, value > 0.0);
          }
          gathered[g] = select(0.0, value, inside[g] & rowInside);
        }
        // unroll
        for (var c = 0; c < PATCH_W; c++) {
          let value = subgroupBroadcast(gathered[c / LANES], u32(c % LANES));
          // unroll
          for (var qh = 0; qh < 4; qh++) {
            // unroll
            for (var qw = 0; qw < 4; qw++) {
              // The output whose sum (qh, qw) meets this value of the patch; a parity of qh / 2 and qw / 2.
              if (r >= (qh + 1) / 2 && r - (qh + 1) / 2 < TILE_H && c >= (qw + 1) / 2 && c - (qw + 1) / 2 < TILE_W) {
                // unroll
                for (var v = 0; v < VECTORS; v++) {
                  sum[((2 * (r - (qh + 1) / 2) + qh / 2) * 2 * TILE_W + 2 * (c - (qw + 1) / 2) + qw / 2) * VECTORS + v] = fma(
                    value,
                    taps[(qh * 4 + qw) * VECTORS + v],
                    sum[((2 * (r - (qh + 1) / 2) + qh / 2) * 2 * TILE_W + 2 * (c - (qw + 1) / 2) + qw / 2) * VECTORS + v],
                  );
                }
              }
            }
          }
        }
      }
    }
  }

  // unroll
  for (var r = 0; r < 2 * TILE_H; r++) {
    let row = (n * 2 * shape.depth + d) * 2 * shape.height + 2 * h0 + r;
    // unroll
    for (var c = 0; c < 2 * TILE_W; c++) {
      if ((2 * h0 + r < 2 * shape.height) & (2 * w0 + c < 2 * shape.width)) {
        let base = (row * 2 * shape.width + 2 * w0 + c) * outputs + co;
        // unroll
        for (var v = 0; v < VECTORS; v++) {
          if (co + v * LANES < outputs) {
            if (ADDEND == 1) { sum[(r * 2 * TILE_W + c) * VECTORS + v] += addend[base + v * LANES]; }
            if (HALVES == 1) {
              sum[(r * 2 * TILE_W + c) * VECTORS + v] = quantizeToF16(sum[(r * 2 * TILE_W + c) * VECTORS + v]);
            }
            y[base + v * LANES] = sum[(r * 2 * TILE_W + c) * VECTORS + v];
          }
        }
      }
    }
  }

  if (MOMENTS == 1) {
    let count = f32(4 * min(TILE_H, shape.height - h0) * min(TILE_W, shape.width - w0));
    // unroll
    for (var v = 0; v < VECTORS; v++) {
      var total = 0.0;
      var squares = 0.0;
      // unroll
      for (var r = 0; r < 2 * TILE_H; r++) {
        // unroll
        for (var c = 0; c < 2 * TILE_W; c++) {
          let within = (2 * h0 + r < 2 * shape.height) & (2 * w0 + c < 2 * shape.width);
          let delta = select(0.0, sum[(r * 2 * TILE_W + c) * VECTORS + v] - sum[v], within);
          total += delta;
          squares += delta * delta;
        }
      }
      if (co + v * LANES < outputs) {
        let at = 3 * (n * shape.tilesW * shape.tilesH * 2 * shape.depth + tile) * outputs + co + v * LANES;
        partials[at] = sum[v] + total / count;
        partials[at + outputs] = squares - total * total / count;
        partials[at + 2 * outputs] = count;
      }
    }
  }
}
