// The adjoint of slicing curves. An invocation has the curve of one place and one channel; it looks at the voxels that the
// place reaches, which for most places of a patch are none, and adds up in their order, four knots at a time.
const QUADS = 1;
struct Shape {
  batch: u32, depth: u32, height: u32, width: u32, channels: u32,
  planes: u32, rows: u32, columns: u32, knots: u32,
  perVoxel: f32, low: f32, perIntensity: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> origins: array<f32>;
@group(0) @binding(2) var<storage, read> ct: array<f32>;
@group(0) @binding(3) var<storage, read_write> curves: array<f32>;
@group(0) @binding(4) var<uniform> shape: Shape;

fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

/// What the voxel at position p gives to a place: more than nothing within one place of it.
fn weightOf(p: f32, place: f32, count: u32) -> f32 {
  return select(max(0.0, 1.0 - abs(clamp(p, 0.0, f32(count - 1u)) - place)), p, isNan(p));
}

/// The voxels that a place may reach on an axis, from the first to the one behind the last.
fn reach(origin: f32, place: u32, places: u32, voxels: u32) -> vec2u {
  if (isNan(origin)) { return vec2u(0u, voxels); }
  let most = f32(voxels);
  // A voxel more on either side: what it gives is 0 if it is out of reach.
  let first = (f32(place) - 0.5 - origin) / shape.perVoxel - 1.5;
  let last = (f32(place) + 1.5 - origin) / shape.perVoxel + 1.5;
  let begin = select(u32(clamp(first, 0.0, most)), 0u, place == 0u);
  let end = select(u32(clamp(last, 0.0, most)), voxels, place == places - 1u);
  return vec2u(begin, end);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  let places = shape.planes * shape.rows * shape.columns;
  if (i >= shape.batch * places * shape.channels) { return; }
  let column = i % shape.columns;
  let row = i / shape.columns % shape.rows;
  let plane = i / shape.columns / shape.rows % shape.planes;
  var rest = i / places;
  let c = rest % shape.channels;
  let n = rest / shape.channels;

  let origin = vec3f(origins[n * 3u], origins[n * 3u + 1u], origins[n * 3u + 2u]);
  let half = 0.5 * shape.perVoxel - 0.5;
  let d = reach(origin.x, plane, shape.planes, shape.depth);
  let h = reach(origin.y, row, shape.rows, shape.height);
  let w = reach(origin.z, column, shape.columns, shape.width);
  var sum: array<vec4f, QUADS>;
  for (var z = d.x; z < d.y; z++) {
    let inPlane = weightOf(origin.x + f32(z) * shape.perVoxel + half, f32(plane), shape.planes);
    for (var y = h.x; y < h.y; y++) {
      let inRow = inPlane * weightOf(origin.y + f32(y) * shape.perVoxel + half, f32(row), shape.rows);
      let line = ((n * shape.depth + z) * shape.height + y) * shape.width;
      for (var v = w.x; v < w.y; v++) {
        let weight = inRow * weightOf(origin.z + f32(v) * shape.perVoxel + half, f32(column), shape.columns);
        let at = (line + v) * shape.channels + c;
        let value = x[at];
        let t = clamp((value - shape.low) * shape.perIntensity, 0.0, f32(shape.knots - 1u));
        let share = select(weight * ct[at], value, isNan(value));
        let beyond = t - vec4f(0.0, 1.0, 2.0, 3.0);
        // unroll
        for (var q = 0; q < QUADS; q++) { sum[q] += share * max(vec4f(0.0), 1.0 - abs(beyond - 4.0 * f32(q))); }
      }
    }
  }
  let place = (((n * shape.planes + plane) * shape.rows + row) * shape.columns + column) * shape.channels + c;
  // unroll
  for (var q = 0; q < QUADS; q++) {
    for (var k = 0u; k < 4u; k++) {
      let knot = 4u * u32(q) + k;
      if (knot < shape.knots) { curves[place * shape.knots + knot] = sum[q][k]; }
    }
  }
}
