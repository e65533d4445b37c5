// Moves a dynamic loss scale by the flags of non-finite.wgsl. scaling is [scale, clean steps since it changed, factor of
// this step's gradients]: the factor undoes the scale, or is zero for a step that is left out.
const LANES = 64u;
// Gradients that never overflow must not drive the scale to where its inverse is no number any more.
const LARGEST = 16777216.0;
struct Shape { flags: u32, growthSteps: f32 }
@group(0) @binding(0) var<storage, read_write> scaling: array<f32>;
@group(0) @binding(1) var<storage, read> flags: array<u32>;
@group(0) @binding(2) var<uniform> shape: Shape;

var<workgroup> lanes: array<u32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var flag = 0u;
  for (var i = lane; i < shape.flags; i += LANES) { flag |= flags[i]; }
  lanes[lane] = flag;
  workgroupBarrier();
  if (lane > 0u) { return; }
  for (var i = 1u; i < LANES; i++) { flag |= lanes[i]; }
  let scale = scaling[0];
  let clean = scaling[1] + 1.0;
  if (flag == 1u) {
    scaling[0] = max(scale / 2.0, 1.0);
    scaling[1] = 0.0;
    scaling[2] = 0.0;
    return;
  }
  let grows = clean >= shape.growthSteps;
  scaling[0] = select(scale, min(2.0 * scale, LARGEST), grows);
  scaling[1] = select(clean, 0.0, grows);
  scaling[2] = 1.0 / scale;
}
