// dw[k,ci,co] = sum over n and outputs o of x[n, o*stride + k - padding, ci] * dy[n,o,co], any kernel and stride.
// One invocation sums a block of one tap's weights, INPUTS x OUTPUTS of them, over its share of the output rows; `sum` of
// the shares follows.
const INPUTS = 4;
const OUTPUTS = 4;
const STRIDE = 1;
struct Shape {
  batch: i32, inputChannels: i32, outputChannels: i32,
  inputDepth: i32, inputHeight: i32, inputWidth: i32,
  outputDepth: i32, outputHeight: i32, outputWidth: i32,
  kernel: i32, anyStride: i32, padding: i32, replicate: i32, rowsPerShare: i32, shares: i32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  let inputs = shape.inputChannels;
  let outputs = shape.outputChannels;
  let kernel = shape.kernel;
  let inputBlocks = inputs / INPUTS;
  let outputBlocks = outputs / OUTPUTS;
  let blocks = outputBlocks * inputBlocks * kernel * kernel * kernel;
  let share = i / blocks;
  if (share >= shape.shares) { return; }
  let co = i % outputBlocks * OUTPUTS;
  let ci = i / outputBlocks % inputBlocks * INPUTS;
  let tap = i % blocks / (outputBlocks * inputBlocks);
  let kw = tap % kernel;
  let kh = tap / kernel % kernel;
  let kd = tap / (kernel * kernel);

  // registers
  var sum: array<f32, INPUTS * OUTPUTS>;
  // unroll
  for (var k = 0; k < INPUTS * OUTPUTS; k++) { sum[k] = 0.0; }

  let rows = shape.batch * shape.outputDepth * shape.outputHeight;
  for (var row = share * shape.rowsPerShare; row < min((share + 1) * shape.rowsPerShare, rows); row++) {
    let oh = row % shape.outputHeight;
    let od = row / shape.outputHeight % shape.outputDepth;
    let n = row / (shape.outputHeight * shape.outputDepth);
    let wantedPlane = od * STRIDE + kd - shape.padding;
    let plane = clamp(wantedPlane, 0, shape.inputDepth - 1);
    let wantedRow = oh * STRIDE + kh - shape.padding;
    let inputRow = clamp(wantedRow, 0, shape.inputHeight - 1);
    let outside = (plane != wantedPlane) | (inputRow != wantedRow);
    if ((shape.replicate == 0) & outside) { continue; }
    let rowBase = ((n * shape.inputDepth + plane) * shape.inputHeight + inputRow) * shape.inputWidth;
    for (var ow = 0; ow < shape.outputWidth; ow++) {
      let wanted = ow * STRIDE + kw - shape.padding;
      let column = clamp(wanted, 0, shape.inputWidth - 1);
      let inside = (column == wanted) | (shape.replicate == 1);
      let xBase = (rowBase + column) * inputs + ci;
      let dyBase = (row * shape.outputWidth + ow) * outputs + co;
      // registers
      var gradient: array<f32, OUTPUTS>;
      // unroll
      for (var b = 0; b < OUTPUTS; b++) { gradient[b] = dy[dyBase + b]; }
      // unroll
      for (var a = 0; a < INPUTS; a++) {
        let value = select(0.0, x[xBase + a], inside);
        // unroll
        for (var b = 0; b < OUTPUTS; b++) { sum[a * OUTPUTS + b] += value * gradient[b]; }
      }
    }
  }
  let base = (share * kernel * kernel * kernel + tap) * inputs;
  // unroll
  for (var a = 0; a < INPUTS; a++) {
    // unroll
    for (var b = 0; b < OUTPUTS; b++) { dw[(base + ci + a) * outputs + co + b] = sum[a * OUTPUTS + b]; }
  }
}
