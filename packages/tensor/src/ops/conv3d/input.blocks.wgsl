// dx[n,i,ci] = sum over the taps k and outputs o that read voxel i, and over co, of dy[n,o,co] * w[k,ci,co], for
// convolutions whose taps have at most one reader for each voxel of an axis: zero padding, or less padding than stride.
// One invocation makes a block of dx: TILE columns of CHANNELS input channels, of which there is a multiple. The columns
// lie STRIDE apart, so that the same taps read all of them.
const TILE = 4;
const CHANNELS = 4;
const STRIDE = 1;
struct Shape {
  batch: i32, inputChannels: i32, outputChannels: i32,
  inputDepth: i32, inputHeight: i32, inputWidth: i32,
  outputDepth: i32, outputHeight: i32, outputWidth: i32,
  kernel: i32, anyStride: i32, padding: i32, replicate: i32,
}
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

// The output that reads input `i` of an axis through tap `k`, or -1. Where padding was replicated, the outermost outputs
// read the border voxels also through taps that lie outside.
fn reader(i: i32, k: i32, inputSize: i32, outputSize: i32) -> i32 {
  let reach = i + shape.padding - k;
  let o = reach / STRIDE;
  let last = outputSize - 1;
  let regular = (reach >= 0) & (o * STRIDE == reach) & (o <= last);
  let before = (shape.replicate == 1) & (i == 0) & (k < shape.padding);
  let after = (shape.replicate == 1) & (i == inputSize - 1) & (last * STRIDE + k - shape.padding > i);
  return select(select(select(-1, o, regular), last, after), 0, before);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;
  let channelBlocks = inputs / CHANNELS;
  let columnBlocks = (shape.inputWidth + TILE * STRIDE - 1) / (TILE * STRIDE);
  let perRow = channelBlocks * columnBlocks * STRIDE;
  let row = i / perRow;
  if (row >= shape.batch * shape.inputDepth * shape.inputHeight) { return; }
  let ci = i % channelBlocks * CHANNELS;
  let block = i / channelBlocks % columnBlocks;
  let first = block * TILE * STRIDE + i % perRow / (channelBlocks * columnBlocks);
  let h = row % shape.inputHeight;
  let d = row / shape.inputHeight % shape.inputDepth;
  let n = row / (shape.inputHeight * shape.inputDepth);

  // registers
  var sum: array<f32, TILE * CHANNELS>;
  // unroll
  for (var k = 0; k < TILE * CHANNELS; k++) { sum[k] = 0.0; }
  // The columns come first: which outputs read them is the same for all planes and rows.
  for (var kw = 0; kw < shape.kernel; kw++) {
    // registers
    var column: array<i32, TILE>;
    // registers
    var inside: array<bool, TILE>;
    var isRead = false;
    // unroll
    for (var t = 0; t < TILE; t++) {
      let ow = reader(first + t * STRIDE, kw, shape.inputWidth, shape.outputWidth);
      column[t] = max(ow, 0) * outputs;
      inside[t] = ow >= 0;
      isRead = isRead | inside[t];
    }
    if (!isRead) { continue; }
    for (var kd = 0; kd < shape.kernel; kd++) {
      let od = reader(d, kd, shape.inputDepth, shape.outputDepth);
      if (od < 0) { continue; }
      for (var kh = 0; kh < shape.kernel; kh++) {
        let oh = reader(h, kh, shape.inputHeight, shape.outputHeight);
        if (oh < 0) { continue; }
        let rowBase = ((n * shape.outputDepth + od) * shape.outputHeight + oh) * shape.outputWidth * outputs;
        let wBase = (((kd * shape.kernel + kh) * shape.kernel + kw) * inputs + ci) * outputs;
        for (var co = 0; co < outputs; co++) {
          // registers
          var weight: array<f32, CHANNELS>;
          // unroll
          for (var j = 0; j < CHANNELS; j++) { weight[j] = w[wBase + j * outputs + co]; }
          // unroll
          for (var t = 0; t < TILE; t++) {
            let value = select(0.0, dy[rowBase + column[t] + co], inside[t]);
            // unroll
            for (var j = 0; j < CHANNELS; j++) { sum[t * CHANNELS + j] += value * weight[j]; }
          }
        }
      }
    }
  }
  // unroll
  for (var t = 0; t < TILE; t++) {
    let column = first + t * STRIDE;
    if (column < shape.inputWidth) {
      // unroll
      for (var j = 0; j < CHANNELS; j++) {
        dx[(row * shape.inputWidth + column) * inputs + ci + j] = sum[t * CHANNELS + j];
      }
    }
  }
}
