// The gradient of soft histograms in the intensities. An invocation has one voxel of one channel.
struct Shape {
  batch: u32, planes: u32, rows: u32, columns: u32, channels: u32, cell: u32, knots: u32, classes: u32,
  low: f32, perIntensity: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> ct: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let depth = shape.planes * shape.cell;
  let height = shape.rows * shape.cell;
  let width = shape.columns * shape.cell;
  if (i >= shape.batch * depth * height * width * shape.channels) { return; }
  let c = i % shape.channels;
  let voxel = i / shape.channels;
  let label = labels[voxel];
  var slope = 0.0;
  if (label >= 1u && label <= shape.classes) {
    let column = voxel % width / shape.cell;
    let row = voxel / width % height / shape.cell;
    // Samples follow each other, and so do their planes of cells.
    let plane = voxel / width / height / shape.cell;
    let at = (plane * shape.rows + row) * shape.columns + column;
    let value = x[i];
    let t = (value - shape.low) * shape.perIntensity;
    let knot = min(u32(max(t, 0.0)), shape.knots - 2u);
    let first = ((at * shape.classes + label - 1u) * shape.channels + c) * shape.knots + knot;
    let inside = t > 0.0 && t < f32(shape.knots - 1u);
    if (inside) { slope = shape.perIntensity * (ct[first + 1u] - ct[first]); }
    if (isNan(value)) { slope = value; }
  }
  y[i] = slope;
}
