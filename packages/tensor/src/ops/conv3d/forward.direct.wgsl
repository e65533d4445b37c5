// y[n,o,co] = bias[co] + sum over taps and ci of x[n, o*stride + k - padding, ci] * w[k, ci, co].
// One invocation makes one element of y. Runs anywhere, reads every operand once per product: the kernel that the
// others are compared with.
struct Shape {
  batch: u32, inputChannels: u32, outputChannels: u32,
  inputDepth: u32, inputHeight: u32, inputWidth: u32,
  outputDepth: u32, outputHeight: u32, outputWidth: u32,
  kernel: u32, stride: u32, padding: u32, replicate: u32, hasBias: u32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let positions = shape.outputDepth * shape.outputHeight * shape.outputWidth;
  if (i >= shape.batch * positions * shape.outputChannels) { return; }
  let co = i % shape.outputChannels;
  let position = i / shape.outputChannels;
  let ow = position % shape.outputWidth;
  let oh = position / shape.outputWidth % shape.outputHeight;
  let od = position / (shape.outputWidth * shape.outputHeight) % shape.outputDepth;
  let n = position / positions;
  let size = vec3i(i32(shape.inputDepth), i32(shape.inputHeight), i32(shape.inputWidth));
  let first = vec3i(vec3u(od, oh, ow) * shape.stride) - i32(shape.padding);

  var sum = 0.0;
  if (shape.hasBias == 1u) { sum = bias[co]; }
  for (var kd = 0u; kd < shape.kernel; kd++) {
    for (var kh = 0u; kh < shape.kernel; kh++) {
      for (var kw = 0u; kw < shape.kernel; kw++) {
        let wanted = first + vec3i(vec3u(kd, kh, kw));
        let at = clamp(wanted, vec3i(0), size - 1);
        if (shape.replicate == 0u && any(at != wanted)) { continue; }
        let xBase = (((n * shape.inputDepth + u32(at.x)) * shape.inputHeight + u32(at.y)) * shape.inputWidth + u32(at.z))
          * shape.inputChannels;
        let wBase = ((kd * shape.kernel + kh) * shape.kernel + kw) * shape.inputChannels * shape.outputChannels + co;
        for (var ci = 0u; ci < shape.inputChannels; ci++) {
          sum += x[xBase + ci] * w[wBase + ci * shape.outputChannels];
        }
      }
    }
  }
  y[i] = sum;
}
