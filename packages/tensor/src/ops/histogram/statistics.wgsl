// Sums over the labelled voxels of cells: of x, of its square, and of squared differences to the next labelled voxel on each
// axis. An invocation has one channel of one cell.
struct Shape { batch: u32, planes: u32, rows: u32, columns: u32, channels: u32, cell: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.batch * shape.planes * shape.rows * shape.columns * shape.channels) { return; }
  let c = i % shape.channels;
  var rest = i / shape.channels;
  let column = rest % shape.columns;
  rest /= shape.columns;
  let row = rest % shape.rows;
  rest /= shape.rows;
  let plane = rest % shape.planes;
  let n = rest / shape.planes;

  let depth = shape.planes * shape.cell;
  let height = shape.rows * shape.cell;
  let width = shape.columns * shape.cell;
  var sum = vec3f(0.0);
  for (var z = plane * shape.cell; z < (plane + 1u) * shape.cell; z++) {
    for (var y = row * shape.cell; y < (row + 1u) * shape.cell; y++) {
      for (var w = column * shape.cell; w < (column + 1u) * shape.cell; w++) {
        let v = ((n * depth + z) * height + y) * width + w;
        if (labels[v] == 0u) { continue; }
        let value = x[v * shape.channels + c];
        var edges = 0.0;
        if (z + 1u < depth) { edges += edge(v + height * width, c, value); }
        if (y + 1u < height) { edges += edge(v + width, c, value); }
        if (w + 1u < width) { edges += edge(v + 1u, c, value); }
        sum += vec3f(value, value * value, edges);
      }
    }
  }
  sums[i * 3u] = sum.x;
  sums[i * 3u + 1u] = sum.y;
  sums[i * 3u + 2u] = sum.z;
}

/// The squared difference to another voxel, if that is labelled.
fn edge(voxel: u32, c: u32, value: f32) -> f32 {
  if (labels[voxel] == 0u) { return 0.0; }
  let difference = x[voxel * shape.channels + c] - value;
  return difference * difference;
}
