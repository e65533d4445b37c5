// 3x3x3 convolutions of stride and padding 1, and gradients of their inputs, on the matrix units of a GPU. matrix.wgsl
// gathers the rows of its tiles anew for each tap, so every value comes up to 27 times through the cache. Here a workgroup
// stages a block of voxels with the halo around it once for each slice of channels, and all taps read it there: sixteen
// neighbours along the width are the rows of a matrix, and lie in equal steps wherever the tap points.
// Numbers of channels are multiples of four.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

const FORWARD = 0;
const INPUT = 1;
const DIRECTION = FORWARD;
// 1 for INPUT with a replicated padding, where voxels at the border collect what clamped indices read there.
const BORDER = 0;
// 1 where x is normalised and activated on its way into the block.
const NORMALIZED = 0;
// 1 where the moments of the result's channels are left in `partials`, a share for each subgroup down.
const MOMENTS = 0;
const HALVES = 0;
// A workgroup of DOWN x ACROSS subgroups makes BLOCK_DEPTH x BLOCK_HEIGHT x 16 voxels of COLUMNS channels, from slices
// of DEPTH channels of the other side.
const BLOCK_DEPTH = 2;
const BLOCK_HEIGHT = 4;
const COLUMNS = 64;
const DEPTH = 32;
const DOWN = 2;
const ACROSS = 2;
const LANES = 32;

const THREADS = LANES * DOWN * ACROSS;
const QUADS = DEPTH / 4;
const HALO_HEIGHT = BLOCK_HEIGHT + 2;
const HALO_WIDTH = 16 + 2;
const HALO_VOXELS = (BLOCK_DEPTH + 2) * HALO_HEIGHT * HALO_WIDTH;
const HALO_FOURS = HALO_VOXELS * QUADS;
// Loads of an invocation that wait for memory together.
const AT_ONCE = 9;
const RIGHT_FOURS = COLUMNS * QUADS;
const RIGHT_ITEMS = (RIGHT_FOURS + THREADS - 1) / THREADS;
// Matrices of a subgroup's part of the result.
const MATRICES_DOWN = BLOCK_DEPTH * BLOCK_HEIGHT / DOWN;
const MATRICES_ACROSS = COLUMNS / ACROSS / 16;
// The halo is [voxel][channel / 4]; the weights of a tap are [K][column / 4], and [column][K / 4] for INPUT, as they lie
// in their tensor. Lines are 16 bytes longer, so that they spread over the banks.
const PADDING = 2;
const LEFT_LINE = QUADS + PADDING;
const RIGHT_LINE = select(COLUMNS, DEPTH, DIRECTION == INPUT) / 4 + PADDING;
const RIGHT_LINES = select(DEPTH, COLUMNS, DIRECTION == INPUT);
const RIGHT_START = HALO_VOXELS * LEFT_LINE;
// A tap has one reader of a voxel, and at most one more on each axis at a border. Those along the width are added while
// the halo is staged, which then depends on the tap's place there; the others are products of their own.
const READERS = 1 + 3 * BORDER;
const TAPS_STAGED = select(27, 9, BORDER == 1);

// Columns, then rows.
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

struct Shape {
  batch: i32, depth: i32, height: i32, width: i32,
  inputChannels: i32, outputChannels: i32,
  replicate: i32, hasBias: i32,
  tiles: i32, columnTiles: i32, slices: i32, slicesPerShare: i32,
  slope: f32,
}
@group(0) @binding(0) var<storage, read> left: array<vec4f>;
@group(0) @binding(1) var<storage, read> right: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
// [3, input channels]: mean, scale and bias of the norm.
@group(0) @binding(3) var<storage, read> scales: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> shape: Shape;

var<workgroup> tiles: array<vec4<f16>, RIGHT_START + RIGHT_LINE * RIGHT_LINES>;
// Single sums cannot be reached in a matrix, so they leave through here, one matrix of each subgroup at a time.
var<workgroup> leaving: array<f32, DOWN * ACROSS * 256>;

fn keep(at: i32, four: vec4<f16>) { tiles[at] = four; }

fn volume() -> vec3i { return vec3i(shape.depth, shape.height, shape.width); }

fn voxel(at: vec3i, n: i32) -> i32 { return ((n * shape.depth + at.x) * shape.height + at.y) * shape.width + at.z; }

// The first voxel of a block, and its batch.
fn cornerOf(block: i32) -> vec4i {
  let blocks = (volume() + vec3i(BLOCK_DEPTH, BLOCK_HEIGHT, 16) - 1) / vec3i(BLOCK_DEPTH, BLOCK_HEIGHT, 16);
  let row = block / blocks.z;
  let plane = row / blocks.y;
  return vec4i(plane % blocks.x, row % blocks.y, block % blocks.z, plane / blocks.x)
    * vec4i(BLOCK_DEPTH, BLOCK_HEIGHT, 16, 1);
}

// The voxel of an item of the halo. It may lie outside the volume.
fn voxelOf(item: i32, corner: vec4i) -> vec3i {
  let index = item / QUADS;
  let line = index / HALO_WIDTH;
  return corner.xyz - 1 + vec3i(line / HALO_HEIGHT, line % HALO_HEIGHT, index % HALO_WIDTH);
}

// Where the voxels of a matrix begin in the block.
fn rowAt(matrix: i32) -> vec3i { return vec3i(matrix / BLOCK_HEIGHT, matrix % BLOCK_HEIGHT, 0); }

// Depth, height and width of the tap of a turn. The width changes least often.
fn tapOf(turn: i32) -> vec3i { return vec3i(turn / 3 % 3, turn % 3, turn / 9 % 3); }

// Four channels of x, as the convolution sees them at `wanted`.
fn patchAt(wanted: vec3i, n: i32, channel: i32) -> vec4f {
  let at = clamp(wanted, vec3i(), volume() - 1);
  let inside = (shape.replicate == 1) | all(at == wanted);
  // Zeros of the padding stay zeros, whatever the norm would make of them.
  if (!inside | (channel >= shape.inputChannels)) { return vec4f(); }
  var four = left[(voxel(at, n) * shape.inputChannels + channel) / 4];
  if (NORMALIZED == 1) {
    let mean = scales[channel / 4];
    let scale = scales[(shape.inputChannels + channel) / 4];
    let addend = scales[(2 * shape.inputChannels + channel) / 4];
    let value = (four - mean) * scale + addend;
    four = select(shape.slope * value, value, value > vec4f());
  }
  return four;
}

// The sum of dy over all outputs of a line that read the same voxel through a tap whose place on the width is `tap`: the
// one at `at`, and at the border, where indices were clamped, also that beyond it.
fn readersAt(at: vec3i, n: i32, channel: i32, tap: i32) -> vec4f {
  var sum = vec4f();
  let outside = any(at.xy < vec2i()) | any(at.xy >= volume().xy);
  if (outside | (channel >= shape.outputChannels)) { return sum; }
  var first = at.z;
  var last = at.z;
  if (BORDER == 1) {
    let column = at.z + tap - 1;
    first = select(first, 0, column == 0);
    last = select(last, shape.width - 1, column == shape.width - 1);
  }
  first = max(first, 0);
  last = min(last, shape.width - 1);
  for (var w = first; w <= last; w++) {
    sum += left[(voxel(vec3i(at.xy, w), n) * shape.outputChannels + channel) / 4];
  }
  return sum;
}

// Whether a turn stages an item: at a slice's first all are, later only the columns that differ from tap to tap.
fn isStaged(item: i32, corner: vec4i, turn: i32) -> bool {
  let column = voxelOf(item, corner).z;
  return (item < HALO_FOURS) & ((turn % 27 == 0) | (column == 1) | (column == shape.width - 2));
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let thread = i32(invocation);
  let tile = i32(group.y * groups.x + group.x);
  if (tile >= shape.tiles) { return; }
  let corner = cornerOf(tile / shape.columnTiles);
  let firstColumn = tile % shape.columnTiles * COLUMNS;
  let share = i32(group.z);
  let firstTurn = share * shape.slicesPerShare * 27;
  let lastTurn = min((share + 1) * shape.slicesPerShare, shape.slices) * 27;

  // registers
  var sums: array<Sums, MATRICES_DOWN * MATRICES_ACROSS>;
  // registers
  var nextRight: array<vec4<f16>, RIGHT_ITEMS>;
  // registers
  var staged: array<vec4<f16>, AT_ONCE>;
  let down = i32(subgroup) / ACROSS * MATRICES_DOWN;
  let across = i32(subgroup) % ACROSS * (COLUMNS / ACROSS);

  // Each turn fetches the weights of its slice and tap into registers and multiplies with those before.
  for (var turn = firstTurn; turn <= lastTurn; turn++) {
    let firstChannel = turn / 27 * DEPTH;
    if (turn < lastTurn) {
      let tap = tapOf(turn);
      let firstRow = ((tap.x * 3 + tap.y) * 3 + tap.z) * shape.inputChannels;
      // unroll
      for (var i = 0; i < RIGHT_ITEMS; i++) {
        let item = thread + i * THREADS;
        var input = firstChannel + item / (COLUMNS / 4);
        var output = firstColumn + item % (COLUMNS / 4) * 4;
        if (DIRECTION == INPUT) {
          input = firstColumn + item / QUADS;
          output = firstChannel + item % QUADS * 4;
        }
        nextRight[i] = vec4<f16>();
        if ((item < RIGHT_FOURS) & (input < shape.inputChannels) & (output < shape.outputChannels)) {
          nextRight[i] = vec4<f16>(right[((firstRow + input) * shape.outputChannels + output) / 4]);
        }
      }
    }

    if (turn > firstTurn) {
      let tap = tapOf(turn - 1);
      let offset = select(tap, 2 - tap, DIRECTION == INPUT);
      // unroll
      for (var k = 0; k < DEPTH / 16; k++) {
        // registers
        var b: array<Right, MATRICES_ACROSS>;
        // unroll
        for (var c = 0; c < MATRICES_ACROSS; c++) {
          if (DIRECTION == INPUT) {
            let at = u32(RIGHT_START + (across + c * 16) * RIGHT_LINE + k * 4);
            b[c] = subgroupMatrixLoad<Right, col_major>(&tiles, at, RIGHT_LINE);
          }
          if (DIRECTION != INPUT) {
            let at = u32(RIGHT_START + k * 16 * RIGHT_LINE + (across + c * 16) / 4);
            b[c] = subgroupMatrixLoad<Right, row_major>(&tiles, at, RIGHT_LINE);
          }
        }
        // unroll
        for (var r = 0; r < MATRICES_DOWN; r++) {
          let row = rowAt(down + r);
          let line = corner.xy + row.xy;
          let isClamped = ((line == vec2i()) & (tap.xy == vec2i())) | ((line == volume().xy - 1) & (tap.xy == vec2i(2)));
          // The second reader on the axis of depth, of height, and of both.
          // unroll
          for (var reader = 0; reader < READERS; reader++) {
            let isSecond = vec2<bool>(reader % 2 == 1, reader / 2 == 1);
            if (all(isClamped | !isSecond)) {
              let place = row + vec3i(select(offset.xy, vec2i(1), isSecond), offset.z);
              let at = u32(((place.x * HALO_HEIGHT + place.y) * HALO_WIDTH + place.z) * LEFT_LINE + k * 4);
              let a = subgroupMatrixLoad<Left, row_major>(&tiles, at, LEFT_LINE);
              // unroll
              for (var c = 0; c < MATRICES_ACROSS; c++) {
                sums[r * MATRICES_ACROSS + c] = subgroupMatrixMultiplyAccumulate(a, b[c], sums[r * MATRICES_ACROSS + c]);
              }
            }
          }
        }
      }
    }

    workgroupBarrier();
    if ((turn < lastTurn) & (turn % TAPS_STAGED == 0)) {
      let channel = firstChannel + thread % QUADS * 4;
      for (var first = thread; first < HALO_FOURS; first += AT_ONCE * THREADS) {
        // unroll
        for (var i = 0; i < AT_ONCE; i++) {
          let item = first + i * THREADS;
          if (isStaged(item, corner, turn)) {
            let at = voxelOf(item, corner);
            if (DIRECTION == FORWARD) { staged[i] = vec4<f16>(patchAt(at, corner.w, channel)); }
            if (DIRECTION == INPUT) { staged[i] = vec4<f16>(readersAt(at, corner.w, channel, tapOf(turn).z)); }
          }
        }
        // unroll
        for (var i = 0; i < AT_ONCE; i++) {
          let item = first + i * THREADS;
          if (isStaged(item, corner, turn)) { keep(item / QUADS * LEFT_LINE + item % QUADS, staged[i]); }
        }
      }
    }
    // unroll
    for (var i = 0; i < RIGHT_ITEMS; i++) {
      let item = thread + i * THREADS;
      let fours = RIGHT_LINE - PADDING;
      if (item < RIGHT_FOURS) { keep(RIGHT_START + item / fours * RIGHT_LINE + item % fours, nextRight[i]); }
    }
    workgroupBarrier();
  }

  let columns = select(shape.outputChannels, shape.inputChannels, DIRECTION == INPUT);
  let firstVoxel = share * shape.batch * shape.depth * shape.height * shape.width;
  // Moments of the columns of the matrices, each kept by the invocation that adds them up; matrix by matrix they are
  // joined (Chan, Golub and LeVeque 1979).
  // registers
  var mean: array<f32, MATRICES_ACROSS>;
  // registers
  var squares: array<f32, MATRICES_ACROSS>;
  // registers
  var count: array<f32, MATRICES_ACROSS>;
  // unroll
  for (var matrix = 0; matrix < MATRICES_DOWN * MATRICES_ACROSS; matrix++) {
    let start = subgroup * 256u;
    subgroupMatrixStore<row_major>(&leaving, start, sums[matrix], 16);
    workgroupBarrier();
    for (var item = thread; item < DOWN * ACROSS * 64; item += THREADS) {
      let part = item / 64;
      let row = rowAt(part / ACROSS * MATRICES_DOWN + matrix / MATRICES_ACROSS);
      let at = corner.xyz + row + vec3i(0, 0, item / 4 % 16);
      let column = firstColumn + part % ACROSS * (COLUMNS / ACROSS) + matrix % MATRICES_ACROSS * 16 + item % 4 * 4;
      if (all(at < volume()) & (column < columns)) {
        var four = vec4f(leaving[item * 4], leaving[item * 4 + 1], leaving[item * 4 + 2], leaving[item * 4 + 3]);
        if ((shape.hasBias == 1) & (share == 0)) { four += bias[column / 4]; }
        if (MOMENTS == 1) {
          if (HALVES == 1) { four = quantizeToF16(four); }
          // unroll
          for (var i = 0; i < 4; i++) { leaving[item * 4 + i] = four[i]; }
        }
        result[((firstVoxel + voxel(at, corner.w)) * columns + column) / 4] = four;
      }
    }
    if (MOMENTS == 1) {
      workgroupBarrier();
      if (thread < DOWN * ACROSS * 16) {
        let first = corner.xyz + rowAt(thread / 16 / ACROSS * MATRICES_DOWN + matrix / MATRICES_ACROSS);
        let own = select(0, clamp(shape.width - first.z, 0, 16), all(first < volume()));
        let at = thread / 16 * 256 + thread % 16;
        var total = 0.0;
        for (var row = 0; row < own; row++) { total += leaving[at + row * 16]; }
        let average = total / f32(max(own, 1));
        for (var row = 0; row < own; row++) {
          let delta = leaving[at + row * 16] - average;
          squares[matrix % MATRICES_ACROSS] += delta * delta;
        }
        let before = count[matrix % MATRICES_ACROSS];
        let after = before + f32(own);
        let delta = average - mean[matrix % MATRICES_ACROSS];
        squares[matrix % MATRICES_ACROSS] += delta * delta * before * f32(own) / max(after, 1.0);
        mean[matrix % MATRICES_ACROSS] += delta * f32(own) / max(after, 1.0);
        count[matrix % MATRICES_ACROSS] = after;
      }
    }
    workgroupBarrier();
  }
  if (MOMENTS == 1) {
    // unroll
    for (var c = 0; c < MATRICES_ACROSS; c++) {
      let column = firstColumn + thread / 16 % ACROSS * (COLUMNS / ACROSS) + c * 16 + thread % 16;
      let at = 3 * (tile / shape.columnTiles * DOWN + thread / 16 / ACROSS) * columns + column;
      if ((thread < DOWN * ACROSS * 16) & (column < columns)) {
        partials[at] = mean[c];
        partials[at + columns] = squares[c];
        partials[at + 2 * columns] = count[c];
      }
    }
  }
}
