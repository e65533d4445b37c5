// dw[k,ci,co] = sum over n and outputs o of x[n, o*stride + k - padding, ci] * dy[n,o,co].
// One invocation sums one weight's products over its share of the output rows; `sum` of the shares follows.
struct Shape {
  batch: u32, inputChannels: u32, outputChannels: u32,
  inputDepth: u32, inputHeight: u32, inputWidth: u32,
  outputDepth: u32, outputHeight: u32, outputWidth: u32,
  kernel: u32, stride: u32, padding: u32, replicate: u32, shares: u32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let weights = shape.kernel * shape.kernel * shape.kernel * shape.inputChannels * shape.outputChannels;
  if (i >= weights * shape.shares) { return; }
  let co = i % shape.outputChannels;
  let ci = i / shape.outputChannels % shape.inputChannels;
  let tap = i % weights / (shape.outputChannels * shape.inputChannels);
  let kw = tap % shape.kernel;
  let kh = tap / shape.kernel % shape.kernel;
  let kd = tap / (shape.kernel * shape.kernel);
  let size = vec3i(i32(shape.inputDepth), i32(shape.inputHeight), i32(shape.inputWidth));

  let rows = shape.batch * shape.outputDepth * shape.outputHeight;
  let length = (rows + shape.shares - 1u) / shape.shares;
  let share = i / weights;
  var sum = 0.0;
  for (var row = share * length; row < min((share + 1u) * length, rows); row++) {
    let oh = row % shape.outputHeight;
    let od = row / shape.outputHeight % shape.outputDepth;
    let n = row / (shape.outputHeight * shape.outputDepth);
    let d = i32(od * shape.stride + kd) - i32(shape.padding);
    let h = i32(oh * shape.stride + kh) - i32(shape.padding);
    let at = clamp(vec2i(d, h), vec2i(0), size.xy - 1);
    if (shape.replicate == 0u && any(at != vec2i(d, h))) { continue; }
    let xRow = ((n * shape.inputDepth + u32(at.x)) * shape.inputHeight + u32(at.y)) * shape.inputWidth;
    for (var ow = 0u; ow < shape.outputWidth; ow++) {
      let wanted = i32(ow * shape.stride + kw) - i32(shape.padding);
      let column = clamp(wanted, 0, size.z - 1);
      if (shape.replicate == 0u && column != wanted) { continue; }
      sum += x[(xRow + u32(column)) * shape.inputChannels + ci]
        * dy[(row * shape.outputWidth + ow) * shape.outputChannels + co];
    }
  }
  dw[i] = sum;
}
