// One step of Adam with L2 decay in the gradient, in PyTorch's order of operations:
// g += decay * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate * m / (sqrt(v) / correction + epsilon).
// rate is lr / (1 - b1^t) and correction is sqrt(1 - b2^t): the host computes both in double precision. With SCALED, the
// gradient is that of a scaled loss; see loss-scale.wgsl. A step that is left out changes nothing.
alias Value = f32;
const SCALED = 0;
struct Shape { count: u32, beta1: f32, beta2: f32, epsilon: f32, decay: f32 }
@group(0) @binding(0) var<storage, read_write> parameter: array<Value>;
@group(0) @binding(1) var<storage, read> gradient: array<Value>;
@group(0) @binding(2) var<storage, read_write> first: array<Value>;
@group(0) @binding(3) var<storage, read_write> second: array<Value>;
@group(0) @binding(4) var<storage, read> rate: array<f32>;
@group(0) @binding(5) var<storage, read> correction: array<f32>;
@group(0) @binding(6) var<storage, read> scaling: array<f32>;
@group(0) @binding(7) var<uniform> shape: Shape;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= shape.count) { return; }
  var g = gradient[i];
  if (SCALED == 1) {
    if (scaling[2] == 0.0) { return; }
    g *= scaling[2];
  }
  g += shape.decay * parameter[i];
  let m = shape.beta1 * first[i] + (1.0 - shape.beta1) * g;
  let v = shape.beta2 * second[i] + (1.0 - shape.beta2) * g * g;
  first[i] = m;
  second[i] = v;
  parameter[i] -= rate[0] * m / (sqrt(v) / correction[0] + Value(shape.epsilon));
}
