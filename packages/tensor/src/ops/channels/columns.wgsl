// Moves columns of the last axis between rows of different lengths: y[row, to + c] = x[row, from + c] for c < width.
// With FILL, columns of y outside that range become zero; without, they stay as they are.
const FILL = 0;
struct Shape { rows: u32, width: u32, xLength: u32, first: u32, yLength: u32, to: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (FILL == 1) {
    if (i >= shape.rows * shape.yLength) { return; }
    let row = i / shape.yLength;
    let column = i32(i % shape.yLength) - i32(shape.to);
    let inside = column >= 0 && column < i32(shape.width);
    var value = 0.0;
    if (inside) { value = x[row * shape.xLength + shape.first + u32(column)]; }
    y[i] = value;
    return;
  }
  if (i >= shape.rows * shape.width) { return; }
  let row = i / shape.width;
  let column = i % shape.width;
  y[row * shape.yLength + shape.to + column] = x[row * shape.xLength + shape.first + column];
}
