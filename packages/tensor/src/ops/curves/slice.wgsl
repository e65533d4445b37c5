// The curve of each voxel and channel at its intensity; with SLOPES, the curve's slope there times ct. An invocation has
// one voxel of one channel.
const SLOPES = 0;
struct Shape {
  batch: u32, depth: u32, height: u32, width: u32, channels: u32,
  planes: u32, rows: u32, columns: u32, knots: u32,
  perVoxel: f32, low: f32, perIntensity: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> curves: array<f32>;
@group(0) @binding(2) var<storage, read> origins: array<f32>;
@group(0) @binding(3) var<storage, read> ct: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> shape: Shape;

fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

/// Keeps a position between the first and the last of `count`, and a NaN what it is.
fn within(p: f32, count: u32) -> f32 { return select(clamp(p, 0.0, f32(count - 1u)), p, isNan(p)); }

/// The first of the two neighbours of a position.
fn firstOf(p: f32, count: u32) -> u32 { return min(u32(max(p, 0.0)), max(count, 2u) - 2u); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.batch * shape.depth * shape.height * shape.width * shape.channels) { return; }
  let c = i % shape.channels;
  var rest = i / shape.channels;
  let w = rest % shape.width;
  rest /= shape.width;
  let h = rest % shape.height;
  rest /= shape.height;
  let d = rest % shape.depth;
  let n = rest / shape.depth;

  let value = x[i];
  let raw = (value - shape.low) * shape.perIntensity;
  let t = within(raw, shape.knots);
  let knot = firstOf(t, shape.knots);
  let beyond = t - f32(knot);

  let half = 0.5 * shape.perVoxel - 0.5;
  let pz = within(origins[n * 3u] + f32(d) * shape.perVoxel + half, shape.planes);
  let py = within(origins[n * 3u + 1u] + f32(h) * shape.perVoxel + half, shape.rows);
  let px = within(origins[n * 3u + 2u] + f32(w) * shape.perVoxel + half, shape.columns);
  let z = firstOf(pz, shape.planes);
  let row = firstOf(py, shape.rows);
  let column = firstOf(px, shape.columns);
  let far = vec3f(pz - f32(z), py - f32(row), px - f32(column));

  var sum = 0.0;
  for (var corner = 0u; corner < 8u; corner++) {
    let step = vec3u(corner >> 2u, (corner >> 1u) & 1u, corner & 1u);
    let weight = select(1.0 - far, far, step == vec3u(1u));
    let plane = n * shape.planes + min(z + step.x, shape.planes - 1u);
    let place = (plane * shape.rows + min(row + step.y, shape.rows - 1u)) * shape.columns +
      min(column + step.z, shape.columns - 1u);
    let at = (place * shape.channels + c) * shape.knots + knot;
    let near = curves[at];
    let next = curves[at + 1u];
    let share = weight.x * weight.y * weight.z;
    if (SLOPES == 0) { sum += share * (near * (1.0 - beyond) + next * beyond); }
    if (SLOPES == 1) { sum += share * (next - near); }
  }
  if (SLOPES == 1) {
    let inside = raw > 0.0 && raw < f32(shape.knots - 1u);
    sum *= ct[i] * select(select(0.0, shape.perIntensity, inside), value, isNan(value));
  }
  y[i] = sum;
}
