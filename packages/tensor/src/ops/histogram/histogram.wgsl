// Soft histograms of cells. An invocation has four knots of one class and channel of one cell, and goes through its share
// of the cell's planes; `sum` of the shares follows.
struct Shape {
  batch: u32, planes: u32, rows: u32, columns: u32, channels: u32, cell: u32, knots: u32, classes: u32, shares: u32,
  low: f32, perIntensity: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let quads = (shape.knots + 3u) / 4u;
  let rows = shape.batch * shape.planes * shape.rows * shape.columns * shape.classes * shape.channels;
  if (i >= rows * quads * shape.shares) { return; }
  let quad = i % quads;
  let row = i / quads % rows;
  let share = i / quads / rows;
  let c = row % shape.channels;
  let label = row / shape.channels % shape.classes + 1u;
  var rest = row / shape.channels / shape.classes;
  let column = rest % shape.columns;
  rest /= shape.columns;
  let line = rest % shape.rows;
  let plane = rest / shape.rows;

  let knots = vec4f(4.0 * f32(quad)) + vec4f(0.0, 1.0, 2.0, 3.0);
  let length = (shape.cell + shape.shares - 1u) / shape.shares;
  var sum = vec4f(0.0);
  for (var d = share * length; d < min((share + 1u) * length, shape.cell); d++) {
    for (var h = 0u; h < shape.cell; h++) {
      let depth = plane * shape.cell + d;
      let height = line * shape.cell + h;
      let first = (depth * shape.rows * shape.cell + height) * shape.columns * shape.cell + column * shape.cell;
      for (var v = first; v < first + shape.cell; v++) {
        if (labels[v] != label) { continue; }
        let value = x[v * shape.channels + c];
        let t = clamp((value - shape.low) * shape.perIntensity, 0.0, f32(shape.knots - 1u));
        sum += select(max(vec4f(0.0), 1.0 - abs(t - knots)), vec4f(value), isNan(value));
      }
    }
  }
  let at = (share * rows + row) * shape.knots + 4u * quad;
  for (var k = 0u; k < min(4u, shape.knots - 4u * quad); k++) { counts[at + k] = sum[k]; }
}
