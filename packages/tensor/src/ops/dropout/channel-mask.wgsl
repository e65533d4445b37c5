// A random mask for whole channels: 0 with probability `rate`, else 1 / (1 - rate). Counter-based: the value of an
// element is a function of (seed, stream, index) and of nothing that ran before.
struct Shape { count: u32, stream: u32, rate: f32, keep: f32 }
@group(0) @binding(0) var<storage, read> seed: array<u32>;
@group(0) @binding(1) var<storage, read_write> mask: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

// The output permutation of PCG (O'Neill 2014) used as a hash, as Jarzynski and Olano (2020) recommend for GPUs.
fn hash(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= shape.count) { return; }
  let bits = hash(hash(hash(seed[0]) ^ shape.stream) ^ i);
  // 24 bits, so that the uniform number is exact in float32.
  let uniform01 = f32(bits >> 8u) / 16777216.0;
  mask[i] = select(shape.keep, 0.0, uniform01 < shape.rate);
}
