// Joins the shares of `moments.wgsl` in their order by the parallel formula of Chan, Golub and LeVeque (1979).
// moments is [2, C]: means, then biased variances.
struct Shape { rows: u32, channels: u32, shares: u32 }
@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;
@group(0) @binding(2) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= shape.channels) { return; }
  var count = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  for (var share = 0u; share < shape.shares; share++) {
    let at = 2u * (share * shape.channels + c);
    let more = f32((shape.rows - share + shape.shares - 1u) / shape.shares);
    let delta = partials[at] - mean;
    mean += delta * more / (count + more);
    squares += partials[at + 1u] + delta * delta * count * more / (count + more);
    count += more;
  }
  moments[c] = mean;
  moments[shape.channels + c] = max(squares / count, 0.0);
}
