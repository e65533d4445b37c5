// Moves columns of the last axis between rows of different lengths: y[row, to + c] = x[row, from + c] for c < width.
// With FILL, columns of y outside that range become zero; without, they stay as they are. An invocation stays with one
// column and strides through the rows.
alias Value = f32;
const FILL = 0;
struct Shape { rows: i32, shares: i32, width: i32, xLength: i32, first: i32, yLength: i32, to: i32 }
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = i32(id.y * groups.x * 64u + id.x);
  if (FILL == 1) {
    if (i >= shape.shares * shape.yLength) { return; }
    let column = i % shape.yLength - shape.to;
    let inside = (column >= 0) & (column < shape.width);
    for (var row = i / shape.yLength; row < shape.rows; row += shape.shares) {
      var value = Value(0.0);
      if (inside) { value = x[row * shape.xLength + shape.first + column]; }
      y[row * shape.yLength + shape.to + column] = value;
    }
    return;
  }
  if (i >= shape.shares * shape.width) { return; }
  let column = i % shape.width;
  for (var row = i / shape.width; row < shape.rows; row += shape.shares) {
    y[row * shape.yLength + shape.to + column] = x[row * shape.xLength + shape.first + column];
  }
}
