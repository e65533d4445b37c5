// What clamped taps add to the border voxels of a gradient that was computed as if the padding were zero:
// 3x3x3, stride 1, padding 1. Only voxels of the border have readers beyond those that a zero padding has.
struct Shape {
  inputChannels: u32, outputChannels: u32,
  depth: u32, height: u32, width: u32, batch: u32,
}
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

// The reader of voxel i through tap k whose index was clamped, or -1: the output at the same border.
fn clampedReader(i: i32, k: i32, size: i32) -> i32 {
  if (i == 0 && k == 0) { return 0; }
  if (i == size - 1 && k == 2) { return size - 1; }
  return -1;
}

// The reader through tap k that needs no clamping, or -1.
fn plainReader(i: i32, k: i32, size: i32) -> i32 {
  let o = i + 1 - k;
  return select(-1, o, o >= 0 && o < size);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let voxels = shape.depth * shape.height * shape.width;
  if (i >= shape.batch * voxels * shape.inputChannels) { return; }
  let ci = i % shape.inputChannels;
  let voxel = i / shape.inputChannels;
  let size = vec3i(i32(shape.depth), i32(shape.height), i32(shape.width));
  let at = vec3i(
    i32(voxel / (shape.width * shape.height) % shape.depth),
    i32(voxel / shape.width % shape.height),
    i32(voxel % shape.width),
  );
  if (all(at > vec3i(0)) && all(at < size - 1)) { return; }
  let n = i32(voxel / voxels);

  var sum = 0.0;
  for (var kd = 0; kd < 3; kd++) {
    let plainD = plainReader(at.x, kd, size.x);
    let clampedD = clampedReader(at.x, kd, size.x);
    for (var kh = 0; kh < 3; kh++) {
      let plainH = plainReader(at.y, kh, size.y);
      let clampedH = clampedReader(at.y, kh, size.y);
      for (var kw = 0; kw < 3; kw++) {
        let plainW = plainReader(at.z, kw, size.z);
        let clampedW = clampedReader(at.z, kw, size.z);
        let wBase = (u32((kd * 3 + kh) * 3 + kw) * shape.inputChannels + ci) * shape.outputChannels;
        // All combinations of readers with at least one clamped; bits 0, 1, 2 of `which` say on which axes.
        for (var which = 1; which < 8; which++) {
          let od = select(plainD, clampedD, (which & 1) != 0);
          let oh = select(plainH, clampedH, (which & 2) != 0);
          let ow = select(plainW, clampedW, (which & 4) != 0);
          if (od < 0 || oh < 0 || ow < 0) { continue; }
          let dyBase = u32(((n * size.x + od) * size.y + oh) * size.z + ow) * shape.outputChannels;
          for (var co = 0u; co < shape.outputChannels; co++) { sum += dy[dyBase + co] * w[wBase + co]; }
        }
      }
    }
  }
  dx[i] += sum;
}
