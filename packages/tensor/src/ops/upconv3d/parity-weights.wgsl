// Sums of the taps of a 3x3x3 convolution w [27, C], for its use on an upsampled volume: s [8, 8, C], parities of the
// output, then voxels of the small volume that it meets. On one axis, an even output meets the voxel before with tap 0
// and its own with taps 1 and 2; an odd one meets its own with taps 0 and 1 and the one behind with tap 2.
struct Shape { channels: u32 }
@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read_write> s: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= 64u * shape.channels) { return; }
  let c = i % shape.channels;
  let parity = vec3u(i / shape.channels / 32u, i / shape.channels / 16u, i / shape.channels / 8u) % 2u;
  let place = vec3u(i / shape.channels / 4u, i / shape.channels / 2u, i / shape.channels) % 2u;
  // Taps 0, 1 to 2, 0 to 1, 2: for even outputs at both places, then for odd ones.
  let first = select(place, 2u * place, parity == vec3u(1u));
  let last = select(2u * place, place + 1u, parity == vec3u(1u));
  var sum = 0.0;
  for (var d = first.x; d <= last.x; d++) {
    for (var h = first.y; h <= last.y; h++) {
      for (var k = first.z; k <= last.z; k++) { sum += w[((d * 3u + h) * 3u + k) * shape.channels + c]; }
    }
  }
  s[i] = sum;
}
