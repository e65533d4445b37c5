// The adjoint of class sums: ds[n,v,c] = g[n,c,0] where voxel v has class c, plus g[n,c,1] everywhere.
struct Shape { count: u32, voxels: u32, classes: u32 }
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> ds: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  let c = i % shape.classes;
  let voxel = i / shape.classes;
  let at = (voxel / shape.voxels * shape.classes + c) * 2u;
  ds[i] = select(0.0, g[at], labels[voxel] == c) + g[at + 1u];
}
