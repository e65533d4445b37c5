// y = bias + 3x3x3 convolution of stride 1, padding 1, for devices where a load costs far more than a multiply-add.
// A workgroup is one subgroup and its lanes are neighbouring output channels. It makes a tile of TILE_H x TILE_W
// positions of one plane: for every input channel and plane of the kernel, the lanes gather the tile's input patch
// once along the width, and subgroupBroadcast hands every value to all lanes. Weights are [tap][ci][co].
//
// With MIRROR, taps are reversed and channels exchanged, which makes the same text the gradient of the input. If the
// padding was replicated, a border voxel also collects what clamped taps read from it: the output at the same place,
// through the outer tap. So on every axis the middle tap of a border voxel is the middle tap plus the outer one. With
// BORDER the text does that; tiles must then divide the plane, so that a border is the first or last row of a tile.
//
// With NORMALIZED, x is normalised and activated as it is gathered; `scales` has the rows of channel-scales.wgsl. A
// padding of zeros is put around what that gives. With MOMENTS, each tile leaves mean, squared deviations and number of
// its results for moments.combine.wgsl, with HALVES as they are when they are stored.
enable subgroups;

const LANES = 8;
const TILE_W = 8;
const TILE_H = 4;
const VECTORS = 1;
const MIRROR = 0;
const BORDER = 0;
const NORMALIZED = 0;
const MOMENTS = 0;
const HALVES = 0;
const PATCH_W = TILE_W + 2;
const PATCH_H = TILE_H + 2;
const GATHERS = (PATCH_W + LANES - 1) / LANES;

struct Shape {
  inputChannels: i32, outputChannels: i32,
  depth: i32, height: i32, width: i32,
  tilesW: i32, tilesH: i32, replicate: i32, hasBias: i32, slope: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
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
  let co = i32(group.y) * LANES * VECTORS + lane;
  let n = i32(group.z);
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;

  // Lanes past the last channel compute a copy of it and keep it to themselves.
  // registers
  var channel: array<i32, VECTORS>;
  // registers
  var sum: array<f32, TILE_H * TILE_W * VECTORS>;
  // unroll
  for (var v = 0; v < VECTORS; v++) {
    channel[v] = min(co + v * LANES, outputs - 1);
    let start = select(0.0, bias[channel[v]], shape.hasBias == 1);
    // unroll
    for (var p = 0; p < TILE_H * TILE_W; p++) { sum[p * VECTORS + v] = start; }
  }

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

  let firstColumn = select(0.0, 1.0, w0 == 0);
  let lastColumn = select(0.0, 1.0, w0 + TILE_W == shape.width);
  let firstRow = select(0.0, 1.0, h0 == 0);
  let lastRow = select(0.0, 1.0, h0 + TILE_H == shape.height);

  for (var kd = 0; kd < 3; kd++) {
    let wanted = d + kd - 1;
    let plane = clamp(wanted, 0, shape.depth - 1);
    if (plane != wanted && shape.replicate == 0) { continue; }
    for (var ci = 0; ci < inputs; ci++) {
      // registers
      var weight: array<f32, 9 * VECTORS>;
      // unroll
      for (var k = 0; k < 9; k++) {
        // unroll
        for (var v = 0; v < VECTORS; v++) {
          if (MIRROR == 1) {
            weight[k * VECTORS + v] = w[((26 - kd * 9 - k) * outputs + channel[v]) * inputs + ci];
          }
          if (MIRROR == 0) {
            weight[k * VECTORS + v] = w[((kd * 9 + k) * inputs + ci) * outputs + channel[v]];
          }
        }
      }
      // registers
      var top: array<f32, 3 * VECTORS>;
      // registers
      var bottom: array<f32, 3 * VECTORS>;
      if (BORDER == 1) {
        if ((kd == 1) & (d == 0)) {
          // unroll
          for (var k = 0; k < 9; k++) {
            // unroll
            for (var v = 0; v < VECTORS; v++) {
              weight[k * VECTORS + v] += w[((8 - k) * outputs + channel[v]) * inputs + ci];
            }
          }
        }
        if ((kd == 1) & (d == shape.depth - 1)) {
          // unroll
          for (var k = 0; k < 9; k++) {
            // unroll
            for (var v = 0; v < VECTORS; v++) {
              weight[k * VECTORS + v] += w[((26 - k) * outputs + channel[v]) * inputs + ci];
            }
          }
        }
        // unroll
        for (var k = 0; k < 3 * VECTORS; k++) {
          top[k] = weight[3 * VECTORS + k] + firstRow * weight[6 * VECTORS + k];
          bottom[k] = weight[3 * VECTORS + k] + lastRow * weight[k];
        }
      }
      // registers
      var normal: array<f32, 3>;
      if (NORMALIZED == 1) {
        // unroll
        for (var k = 0; k < 3; k++) { normal[k] = scales[k * inputs + ci]; }
      }
      let planeBase = (n * shape.depth + plane) * shape.height;
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
          for (var kh = 0; kh < 3; kh++) {
            // unroll
            for (var kw = 0; kw < 3; kw++) {
              if (r - kh >= 0 && r - kh < TILE_H && c - kw >= 0 && c - kw < TILE_W) {
                // unroll
                for (var v = 0; v < VECTORS; v++) {
                  if (BORDER == 1 && kh == 1 && r == 1) {
                    sum[(c - kw) * VECTORS + v] = fma(value, top[kw * VECTORS + v], sum[(c - kw) * VECTORS + v]);
                  }
                  if (BORDER == 1 && kh == 1 && r == TILE_H) {
                    sum[((TILE_H - 1) * TILE_W + c - kw) * VECTORS + v] =
                      fma(value, bottom[kw * VECTORS + v], sum[((TILE_H - 1) * TILE_W + c - kw) * VECTORS + v]);
                  }
                  if (BORDER == 0 || kh != 1 || (r != 1 && r != TILE_H)) {
                    sum[((r - kh) * TILE_W + c - kw) * VECTORS + v] =
                      fma(value, weight[(kh * 3 + kw) * VECTORS + v], sum[((r - kh) * TILE_W + c - kw) * VECTORS + v]);
                  }
                }
              }
            }
            if (BORDER == 1 && (c == 1 || c == TILE_W) && r - kh >= 0 && r - kh < TILE_H) {
              // The outer taps that fall on the first or the last column of the plane.
              // unroll
              for (var v = 0; v < VECTORS; v++) {
                // registers
                var outer: array<f32, 2>;
                outer[0] = weight[kh * 3 * VECTORS + v];
                outer[1] = weight[(kh * 3 + 2) * VECTORS + v];
                if (kh == 1 && r == 1) {
                  outer[0] = top[v];
                  outer[1] = top[2 * VECTORS + v];
                }
                if (kh == 1 && r == TILE_H) {
                  outer[0] = bottom[v];
                  outer[1] = bottom[2 * VECTORS + v];
                }
                if (c == 1) { sum[(r - kh) * TILE_W * VECTORS + v] += value * firstColumn * outer[1]; }
                if (c == TILE_W) {
                  sum[((r - kh) * TILE_W + TILE_W - 1) * VECTORS + v] += value * lastColumn * outer[0];
                }
              }
            }
          }
        }
      }
    }
  }

  // unroll
  for (var r = 0; r < TILE_H; r++) {
    let rowBase = (((n * shape.depth + d) * shape.height + h0 + r) * shape.width + w0) * outputs;
    // unroll
    for (var c = 0; c < TILE_W; c++) {
      if ((h0 + r < shape.height) & (w0 + c < shape.width)) {
        // unroll
        for (var v = 0; v < VECTORS; v++) {
          if (HALVES == 1) { sum[(r * TILE_W + c) * VECTORS + v] = quantizeToF16(sum[(r * TILE_W + c) * VECTORS + v]); }
          if (co + v * LANES < outputs) { y[rowBase + c * outputs + co + v * LANES] = sum[(r * TILE_W + c) * VECTORS + v]; }
        }
      }
    }
  }

  if (MOMENTS == 1) {
    let count = f32(min(TILE_H, shape.height - h0) * min(TILE_W, shape.width - w0));
    // unroll
    for (var v = 0; v < VECTORS; v++) {
      // Sums are taken around the tile's first value, so that a large mean does not drown the deviations.
      var total = 0.0;
      var squares = 0.0;
      // unroll
      for (var r = 0; r < TILE_H; r++) {
        // unroll
        for (var c = 0; c < TILE_W; c++) {
          let within = (h0 + r < shape.height) & (w0 + c < shape.width);
          let delta = select(0.0, sum[(r * TILE_W + c) * VECTORS + v] - sum[v], within);
          total += delta;
          squares += delta * delta;
        }
      }
      if (co + v * LANES < outputs) {
        let at = 3 * (n * shape.tilesW * shape.tilesH * shape.depth + tile) * outputs + co + v * LANES;
        partials[at] = sum[v] + total / count;
        partials[at + outputs] = squares - total * total / count;
        partials[at + 2 * outputs] = count;
      }
    }
  }
}
