// y[m,n] = sum over k of a[m,k] * b[k,n], either operand possibly stored transposed. One invocation per element.
struct Shape { rows: u32, columns: u32, inner: u32, aRow: u32, aInner: u32, bInner: u32, bColumn: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.rows * shape.columns) { return; }
  let row = i / shape.columns;
  let column = i % shape.columns;
  var sum = 0.0;
  for (var k = 0u; k < shape.inner; k++) {
    sum += a[row * shape.aRow + k * shape.aInner] * b[k * shape.bInner + column * shape.bColumn];
  }
  y[i] = sum;
}
