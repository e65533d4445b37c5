@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  numbers[id.x] = 2.0 * numbers[id.x];
}
