// Sums over some axes. The operand is seen as [kept, reduced]: strides say where an element of either lies. Every
// invocation sums a fixed share of one output's elements, so the order of additions never changes.
alias Value = f32;
const REDUCED_RANK = 5;
struct Shape {
  outputs: u32, reduced: u32, shares: u32,
  keptSize1: u32, keptSize2: u32, keptSize3: u32, keptSize4: u32,
  kept0: u32, kept1: u32, kept2: u32, kept3: u32, kept4: u32,
  reducedSize1: u32, reducedSize2: u32, reducedSize3: u32, reducedSize4: u32,
  reduced0: u32, reduced1: u32, reduced2: u32, reduced3: u32, reduced4: u32,
}
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> shape: Shape;

fn keptOffset(index: u32) -> u32 {
  var i = index;
  let i4 = i % shape.keptSize4; i /= shape.keptSize4;
  let i3 = i % shape.keptSize3; i /= shape.keptSize3;
  let i2 = i % shape.keptSize2; i /= shape.keptSize2;
  let i1 = i % shape.keptSize1; i /= shape.keptSize1;
  return i * shape.kept0 + i1 * shape.kept1 + i2 * shape.kept2 + i3 * shape.kept3 + i4 * shape.kept4;
}

fn reducedOffset(index: u32) -> u32 {
  var offset = index * shape.reduced4;
  if (REDUCED_RANK > 1) {
    var i = index;
    let i4 = i % shape.reducedSize4; i /= shape.reducedSize4;
    let i3 = i % shape.reducedSize3; i /= shape.reducedSize3;
    let i2 = i % shape.reducedSize2; i /= shape.reducedSize2;
    let i1 = i % shape.reducedSize1; i /= shape.reducedSize1;
    offset = i * shape.reduced0 + i1 * shape.reduced1 + i2 * shape.reduced2 + i3 * shape.reduced3 + i4 * shape.reduced4;
  }
  return offset;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.outputs * shape.shares) { return; }
  // Neighbouring invocations take neighbouring outputs: with channels last, their loads lie side by side.
  let base = keptOffset(i % shape.outputs);
  let share = i / shape.outputs;
  let length = (shape.reduced + shape.shares - 1u) / shape.shares;
  let end = min((share + 1u) * length, shape.reduced);
  var sum = Value(0.0);
  var j = share * length;
  for (; j + 4u <= end; j += 4u) {
    // unroll
    for (var k = 0; k < 4; k++) { sum += x[base + reducedOffset(j + u32(k))]; }
  }
  for (; j < end; j++) { sum += x[base + reducedOffset(j)]; }
  y[i] = sum;
}
