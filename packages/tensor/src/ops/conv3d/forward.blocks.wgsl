// y[n,o,co] = bias[co] + sum over taps and ci of x[n, o*stride + k - padding, ci] * w[k, ci, co], any kernel and stride.
// One invocation makes a block of y: TILE neighbouring columns of CHANNELS output channels, of which there is a multiple.
// Every value that it loads meets all of the block's other side, so it loads far less than one number per product.
const TILE = 4;
const CHANNELS = 4;
const STRIDE = 1;
struct Shape {
  batch: i32, inputChannels: i32, outputChannels: i32,
  inputDepth: i32, inputHeight: i32, inputWidth: i32,
  outputDepth: i32, outputHeight: i32, outputWidth: i32,
  kernel: i32, anyStride: i32, padding: i32, replicate: i32, hasBias: i32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;
  let channelBlocks = outputs / CHANNELS;
  let columnBlocks = (shape.outputWidth + TILE - 1) / TILE;
  let row = i / (channelBlocks * columnBlocks);
  if (row >= shape.batch * shape.outputDepth * shape.outputHeight) { return; }
  let co = i % channelBlocks * CHANNELS;
  let ow = i / channelBlocks % columnBlocks * TILE;
  let oh = row % shape.outputHeight;
  let od = row / shape.outputHeight % shape.outputDepth;
  let n = row / (shape.outputHeight * shape.outputDepth);

  // registers
  var sum: array<f32, TILE * CHANNELS>;
  // unroll
  for (var j = 0; j < CHANNELS; j++) {
    let start = select(0.0, bias[co + j], shape.hasBias == 1);
    // unroll
    for (var t = 0; t < TILE; t++) { sum[t * CHANNELS + j] = start; }
  }
  // The columns come first: where a tap finds them is the same for all planes and rows.
  for (var kw = 0; kw < shape.kernel; kw++) {
    // registers
    var column: array<i32, TILE>;
    // registers
    var inside: array<bool, TILE>;
    // unroll
    for (var t = 0; t < TILE; t++) {
      let wanted = (ow + t) * STRIDE + kw - shape.padding;
      column[t] = clamp(wanted, 0, shape.inputWidth - 1) * inputs;
      inside[t] = (column[t] == wanted * inputs) | (shape.replicate == 1);
    }
    for (var kd = 0; kd < shape.kernel; kd++) {
      let wantedPlane = od * STRIDE + kd - shape.padding;
      let plane = clamp(wantedPlane, 0, shape.inputDepth - 1);
      if (shape.replicate == 0 && plane != wantedPlane) { continue; }
      for (var kh = 0; kh < shape.kernel; kh++) {
        let wantedRow = oh * STRIDE + kh - shape.padding;
        let inputRow = clamp(wantedRow, 0, shape.inputHeight - 1);
        if (shape.replicate == 0 && inputRow != wantedRow) { continue; }
        let rowBase = ((n * shape.inputDepth + plane) * shape.inputHeight + inputRow) * shape.inputWidth * inputs;
        let wBase = ((kd * shape.kernel + kh) * shape.kernel + kw) * inputs * outputs + co;
        for (var ci = 0; ci < inputs; ci++) {
          // registers
          var weight: array<f32, CHANNELS>;
          // unroll
          for (var j = 0; j < CHANNELS; j++) { weight[j] = w[wBase + ci * outputs + j]; }
          // unroll
          for (var t = 0; t < TILE; t++) {
            let value = select(0.0, x[rowBase + column[t] + ci], inside[t]);
            // unroll
            for (var j = 0; j < CHANNELS; j++) { sum[t * CHANNELS + j] += value * weight[j]; }
          }
        }
      }
    }
  }
  // unroll
  for (var t = 0; t < TILE; t++) {
    if (ow + t < shape.outputWidth) {
      // unroll
      for (var j = 0; j < CHANNELS; j++) {
        y[(row * shape.outputWidth + ow + t) * outputs + co + j] = sum[t * CHANNELS + j];
      }
    }
  }
}
