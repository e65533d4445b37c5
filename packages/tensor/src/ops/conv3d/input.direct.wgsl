// dx[n,i,ci] = sum over the taps k and outputs o that read voxel i, and over co, of dy[n,o,co] * w[k,ci,co].
// On each axis the outputs that read voxel i through tap k form a range: one output or none inside, and at the border,
// where indices were clamped, also all those beyond it.
struct Shape {
  batch: u32, inputChannels: u32, outputChannels: u32,
  inputDepth: u32, inputHeight: u32, inputWidth: u32,
  outputDepth: u32, outputHeight: u32, outputWidth: u32,
  kernel: u32, stride: u32, padding: u32, replicate: u32,
}
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

fn floorDivide(a: i32, b: i32) -> i32 { return select((a - b + 1) / b, a / b, a >= 0); }

// First and last output (inclusive) that read input `i` of an axis through tap `k`.
fn readers(i: i32, k: i32, inputSize: i32, outputSize: i32) -> vec2i {
  let stride = i32(shape.stride);
  let at = i + i32(shape.padding) - k;
  var first = floorDivide(at + stride - 1, stride);
  var last = floorDivide(at, stride);
  if (shape.replicate == 1u && i == 0) { first = 0; }
  if (shape.replicate == 1u && i == inputSize - 1) { last = outputSize - 1; }
  return vec2i(max(first, 0), min(last, outputSize - 1));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let voxels = shape.inputDepth * shape.inputHeight * shape.inputWidth;
  if (i >= shape.batch * voxels * shape.inputChannels) { return; }
  let ci = i % shape.inputChannels;
  let voxel = i / shape.inputChannels;
  let w0 = i32(voxel % shape.inputWidth);
  let h0 = i32(voxel / shape.inputWidth % shape.inputHeight);
  let d0 = i32(voxel / (shape.inputWidth * shape.inputHeight) % shape.inputDepth);
  let n = i32(voxel / voxels);
  let kernel = i32(shape.kernel);
  let outDepth = i32(shape.outputDepth);
  let outHeight = i32(shape.outputHeight);
  let outWidth = i32(shape.outputWidth);

  var sum = 0.0;
  for (var kd = 0; kd < kernel; kd++) {
    let rd = readers(d0, kd, i32(shape.inputDepth), outDepth);
    // With a stride, most taps of a voxel have no reader: leave before the inner loops start.
    if (rd.x > rd.y) { continue; }
    for (var kh = 0; kh < kernel; kh++) {
      let rh = readers(h0, kh, i32(shape.inputHeight), outHeight);
      if (rh.x > rh.y) { continue; }
      for (var kw = 0; kw < kernel; kw++) {
        let rw = readers(w0, kw, i32(shape.inputWidth), outWidth);
        let wBase = (u32((kd * kernel + kh) * kernel + kw) * shape.inputChannels + ci) * shape.outputChannels;
        for (var od = rd.x; od <= rd.y; od++) {
          for (var oh = rh.x; oh <= rh.y; oh++) {
            for (var ow = rw.x; ow <= rw.y; ow++) {
              let dyBase = u32(((n * outDepth + od) * outHeight + oh) * outWidth + ow) * shape.outputChannels;
              for (var co = 0u; co < shape.outputChannels; co++) { sum += dy[dyBase + co] * w[wBase + co]; }
            }
          }
        }
      }
    }
  }
  dx[i] = sum;
}
