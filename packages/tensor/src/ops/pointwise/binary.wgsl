// One function of two values of the same shape. The line of `f` is replaced by the row that is wanted. An
// invocation has one element, which is four neighbouring numbers where the store is replaced, too.
alias Value = f32;
struct Shape { count: u32 }
@group(0) @binding(0) var<storage, read> a: array<Value>;
@group(0) @binding(1) var<storage, read> b: array<Value>;
@group(0) @binding(2) var<storage, read_write> y: array<Value>;
@group(0) @binding(3) var<uniform> shape: Shape;

fn f(a: f32, b: f32) -> f32 {
  return a;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  let p = a[i];
  let q = b[i];
  y[i] = f(p, q);
}
