// Nothing but multiply-adds: every thread advances CHAINS numbers by x -> x * a + b, STEPS times a round. The chains do
// not depend on each other, so that a device can hide the latency of one behind the others.
const CHAINS = 16;
const STEPS = 16;

struct Work { count: u32, rounds: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> work: Work;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= work.count) { return; }
  let start = x[i];
  // registers
  var value: array<f32, CHAINS>;
  // unroll
  for (var c = 0; c < CHAINS; c++) { value[c] = start + f32(c); }
  for (var round = 0u; round < work.rounds; round++) {
    // unroll
    for (var s = 0; s < STEPS; s++) {
      // unroll
      for (var c = 0; c < CHAINS; c++) { value[c] = fma(value[c], work.a, work.b); }
    }
  }
  var sum = 0.0;
  // unroll
  for (var c = 0; c < CHAINS; c++) { sum += value[c]; }
  y[i] = sum;
}
