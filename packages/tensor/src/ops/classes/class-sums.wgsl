// sums[n,c] = (sum of s over the voxels of class c, sum of s over all voxels), for every sample n and channel c of
// s [N,V,C]. One invocation sums its share of the voxels of one (n, c); `sum` of the shares follows.
struct Shape { batch: u32, voxels: u32, classes: u32, shares: u32 }
@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let outputs = shape.batch * shape.classes;
  if (i >= outputs * shape.shares) { return; }
  let c = i % shape.classes;
  let n = i / shape.classes % shape.batch;
  let share = i / outputs;
  let length = (shape.voxels + shape.shares - 1u) / shape.shares;
  var own = 0.0;
  var all = 0.0;
  for (var v = share * length; v < min((share + 1u) * length, shape.voxels); v++) {
    let value = s[(n * shape.voxels + v) * shape.classes + c];
    all += value;
    if (labels[n * shape.voxels + v] == c) { own += value; }
  }
  sums[i * 2u] = own;
  sums[i * 2u + 1u] = all;
}
