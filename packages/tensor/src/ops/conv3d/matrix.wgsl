// The members of the convolution family as matrix products, like gemm.wgsl, on the matrix units of a GPU: factors in
// half precision, sums in f32. Which operand is which is told there; numbers of channels are multiples of four here.
// A workgroup of DOWN x ACROSS subgroups makes a tile of ROWS x COLUMNS. The subgroups of a workgroup share slices of
// both factors, DEPTH of K long; each multiplies its part of the tile, in matrices of 16 x 16 that its lanes hold together.
// DOUBLED, NORMALIZED and MOMENTS are those of gemm.wgsl; there is a share of moments for each subgroup down.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

const FORWARD = 0;
const INPUT = 1;
const WEIGHT = 2;
const DIRECTION = FORWARD;
// 1 where the stride is above one. Only INPUT has to divide by it.
const STRIDED = 0;
const ROWS = 64;
const COLUMNS = 64;
const DEPTH = 32;
const DOWN = 2;
const ACROSS = 2;
const LANES = 32;
const DOUBLED = 0;
const NORMALIZED = 0;
const MOMENTS = 0;
const HALVES = 0;
const PARITIES = DOUBLED * (1 - (DIRECTION + 1) / 2);
const SWAPPED = DOUBLED * (DIRECTION / 2);

const THREADS = LANES * DOWN * ACROSS;
const QUADS = DEPTH / 4;
const LEFT_FOURS = ROWS * QUADS;
const RIGHT_FOURS = COLUMNS * QUADS;
const LEFT_ITEMS = (LEFT_FOURS + THREADS - 1) / THREADS;
const RIGHT_ITEMS = (RIGHT_FOURS + THREADS - 1) / THREADS;
// Matrices of a subgroup's part of the tile.
const BLOCKS_DOWN = ROWS / DOWN / 16;
const BLOCKS_ACROSS = COLUMNS / ACROSS / 16;
// Fours lie in the tiles as they lie in their tensors: the left tile is [row][K / 4], and [K][row / 4] for WEIGHT; the right
// tile is [K][column / 4], and [column][K / 4] for INPUT. Lines are 16 bytes longer, so that they spread over the banks.
const PADDING = 2;
const LEFT_LINE = select(DEPTH, ROWS, DIRECTION == WEIGHT) / 4 + PADDING;
const LEFT_LINES = select(ROWS, DEPTH, DIRECTION == WEIGHT);
const RIGHT_LINE = select(COLUMNS, DEPTH, DIRECTION == INPUT) / 4 + PADDING;
const RIGHT_LINES = select(DEPTH, COLUMNS, DIRECTION == INPUT);
const RIGHT_START = LEFT_LINE * LEFT_LINES;

// Columns, then rows.
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

struct Shape {
  batch: i32, inputChannels: i32, outputChannels: i32,
  inputDepth: i32, inputHeight: i32, inputWidth: i32,
  outputDepth: i32, outputHeight: i32, outputWidth: i32,
  kernel: i32, stride: i32, padding: i32, replicate: i32, addend: i32,
  tiles: i32, columnTiles: i32, slices: i32, slicesPerShare: i32, slope: f32,
}
@group(0) @binding(0) var<storage, read> left: array<vec4f>;
@group(0) @binding(1) var<storage, read> right: array<vec4f>;
@group(0) @binding(2) var<storage, read> addends: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<uniform> shape: Shape;

var<workgroup> tiles: array<vec4<f16>, RIGHT_START + RIGHT_LINE * RIGHT_LINES>;
// Single sums cannot be reached in a matrix, so they leave through here, one matrix of each subgroup at a time.
var<workgroup> leaving: array<f32, DOWN * ACROSS * 256>;

fn keep(at: i32, four: vec4<f16>) { tiles[at] = four; }

fn inputSize() -> vec3i { return vec3i(shape.inputDepth, shape.inputHeight, shape.inputWidth); }
fn outputSize() -> vec3i { return vec3i(shape.outputDepth, shape.outputHeight, shape.outputWidth); }

// Depth, height, width and batch of the voxel with this index.
fn placeOf(index: i32, size: vec3i) -> vec4i {
  let row = index / size.z;
  let plane = row / size.y;
  return vec4i(plane % size.x, row % size.y, index % size.z, plane / size.x);
}

fn voxel(at: vec3i, n: i32, size: vec3i) -> i32 { return ((n * size.x + at.x) * size.y + at.y) * size.z + at.z; }

// The rows of `scales` for four channels; past the last channel zero.
fn normalAt(channel: i32) -> mat3x4f {
  if (NORMALIZED == 0 || channel >= shape.inputChannels) { return mat3x4f(); }
  let row = shape.inputChannels / 4;
  return mat3x4f(scales[channel / 4], scales[row + channel / 4], scales[2 * row + channel / 4]);
}

// Four channels of x with their rows of `scales`.
fn normalized(four: vec4f, normal: mat3x4f) -> vec4f {
  var value = four;
  if (NORMALIZED == 1) {
    value = (value - normal[0]) * normal[1] + normal[2];
    value = select(shape.slope * value, value, value > vec4f());
  }
  return value;
}

// What the tap reads of x for the output at `position`, whose first tap lies `padding` before it: four channels.
fn patchAt(position: vec4i, tap: vec3i, padding: vec3i, channel: i32, normal: mat3x4f) -> vec4f {
  let size = inputSize();
  let wanted = position.xyz * shape.stride + tap - padding;
  let at = clamp(wanted, vec3i(), size - 1);
  let inside = (shape.replicate == 1) | all(at == wanted);
  if (!inside | (position.w >= shape.batch) | (channel >= shape.inputChannels)) { return vec4f(); }
  return normalized(left[(voxel(at, position.w, size) * shape.inputChannels + channel) / 4], normal);
}

// The sum of dy over all outputs that read the input voxel `at` through the tap. On each axis they form a range: one or
// none inside, two where x was doubled, and at the border, where indices were clamped, also all those beyond it.
fn readersAt(at: vec4i, tap: vec3i, channel: i32) -> vec4f {
  var sum = vec4f();
  if ((at.w >= shape.batch) | (channel >= shape.outputChannels)) { return sum; }
  let size = outputSize();
  var first = at.xyz * (1 + DOUBLED) + shape.padding - tap;
  var last = first + DOUBLED;
  if (STRIDED == 1) {
    // Rounded up and down; the numerators are made positive, because division rounds towards zero.
    let numerator = first + shape.stride * shape.kernel;
    first = (numerator + shape.stride - 1) / shape.stride - shape.kernel;
    last = numerator / shape.stride - shape.kernel;
  }
  if (shape.replicate == 1) {
    first = select(first, vec3i(), at.xyz == vec3i());
    last = select(last, size - 1, at.xyz == inputSize() - 1);
  }
  first = max(first, vec3i());
  last = min(last, size - 1);
  for (var d = first.x; d <= last.x; d++) {
    for (var h = first.y; h <= last.y; h++) {
      for (var w = first.z; w <= last.z; w++) {
        sum += left[(voxel(vec3i(d, h, w), at.w, size) * shape.outputChannels + channel) / 4];
      }
    }
  }
  return sum;
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
  let firstRow = tile / shape.columnTiles * ROWS;
  let firstColumn = tile % shape.columnTiles * COLUMNS;
  let parityIndex = i32(group.z) % (1 + 7 * PARITIES);
  let share = i32(group.z) / (1 + 7 * PARITIES);
  let parity = vec3i(parityIndex / 4, parityIndex / 2 % 2, parityIndex % 2);
  let padding = select(vec3i(shape.padding), 1 - parity, PARITIES == 1);
  let firstSlice = share * shape.slicesPerShare;
  let lastSlice = min(firstSlice + shape.slicesPerShare, shape.slices);
  let taps = shape.kernel * shape.kernel * shape.kernel;
  let inner = select(shape.inputChannels, shape.outputChannels, DIRECTION == INPUT);
  let slicesPerTap = (inner + DEPTH - 1) / DEPTH;
  let leftChannels = select(shape.inputChannels, shape.outputChannels, SWAPPED == 1);
  let rightChannels = select(shape.outputChannels, shape.inputChannels, SWAPPED == 1);
  let weightSize = select(outputSize(), inputSize(), SWAPPED == 1);
  let positions = shape.batch * weightSize.x * weightSize.y * weightSize.z;

  // registers
  var sums: array<Sums, BLOCKS_DOWN * BLOCKS_ACROSS>;
  // registers
  var nextLeft: array<vec4<f16>, LEFT_ITEMS>;
  // registers
  var nextRight: array<vec4<f16>, RIGHT_ITEMS>;
  let down = subgroup / ACROSS * (ROWS / DOWN);
  let across = subgroup % ACROSS * (COLUMNS / ACROSS);

  // What stays the same from slice to slice: for WEIGHT the tap and the channels of the rows, for the others their voxels.
  // All items of an invocation lie in the same column of fours, because THREADS is a multiple of their number.
  var tapIndex = 0;
  var channel = 0;
  var normal = mat3x4f();
  // registers
  var place: array<vec4i, LEFT_ITEMS>;
  if (DIRECTION == WEIGHT) {
    let row = firstRow + thread % (ROWS / 4) * 4;
    tapIndex = row / leftChannels;
    channel = select(row % leftChannels, leftChannels, tapIndex >= taps);
    normal = normalAt(select(channel, firstColumn + thread % (COLUMNS / 4) * 4, SWAPPED == 1));
  }
  if (DIRECTION != WEIGHT) {
    // unroll
    for (var i = 0; i < LEFT_ITEMS; i++) {
      let row = firstRow + (thread + i * THREADS) / QUADS;
      place[i] = placeOf(row, select(outputSize(), inputSize(), DIRECTION == INPUT));
    }
  }

  // Each turn fetches its slice into registers and multiplies the one before.
  for (var turn = firstSlice; turn <= lastSlice; turn++) {
    if (turn < lastSlice) {
      let firstChannel = turn % slicesPerTap * DEPTH;
      if (DIRECTION != WEIGHT) {
        tapIndex = turn / slicesPerTap;
        channel = firstChannel + thread % QUADS * 4;
        if (DIRECTION == FORWARD) { normal = normalAt(channel); }
      }
      let tap = vec3i(tapIndex / shape.kernel / shape.kernel, tapIndex / shape.kernel % shape.kernel, tapIndex % shape.kernel);
      // unroll
      for (var i = 0; i < LEFT_ITEMS; i++) {
        if (DIRECTION == FORWARD) { nextLeft[i] = vec4<f16>(patchAt(place[i], tap, padding, channel, normal)); }
        if (DIRECTION == INPUT) { nextLeft[i] = vec4<f16>(readersAt(place[i], tap, channel)); }
        if (DIRECTION == WEIGHT) {
          let position = turn * DEPTH + (thread + i * THREADS) / (ROWS / 4);
          let at = placeOf(position, weightSize);
          if (SWAPPED == 0) { nextLeft[i] = vec4<f16>(patchAt(at, tap, padding, channel, normal)); }
          if (SWAPPED == 1) { nextLeft[i] = vec4<f16>(readersAt(at, tap, channel)); }
        }
      }
      // unroll
      for (var i = 0; i < RIGHT_ITEMS; i++) {
        let item = thread + i * THREADS;
        var row = 0;
        var output = firstColumn + item % (COLUMNS / 4) * 4;
        var inside = item < RIGHT_FOURS;
        if (DIRECTION == FORWARD) {
          let input = firstChannel + item / (COLUMNS / 4);
          row = (parityIndex * taps + tapIndex) * shape.inputChannels + input;
          inside &= input < shape.inputChannels;
        }
        if (DIRECTION == INPUT) {
          let input = firstColumn + item / QUADS;
          output = firstChannel + item % QUADS * 4;
          row = tapIndex * shape.inputChannels + input;
          inside &= input < shape.inputChannels;
        }
        if (DIRECTION == WEIGHT) {
          row = turn * DEPTH + item / (COLUMNS / 4);
          inside &= row < positions;
        }
        nextRight[i] = vec4<f16>();
        if (inside & (output < rightChannels)) {
          var four = right[(row * rightChannels + output) / 4];
          if (SWAPPED == 1) { four = normalized(four, normal); }
          nextRight[i] = vec4<f16>(four);
        }
      }
    }

    if (turn > firstSlice) {
      // unroll
      for (var k = 0; k < DEPTH / 16; k++) {
        // registers
        var b: array<Right, BLOCKS_ACROSS>;
        // unroll
        for (var c = 0; c < BLOCKS_ACROSS; c++) {
          if (DIRECTION == INPUT) {
            let at = u32(RIGHT_START) + (across + u32(c * 16)) * u32(RIGHT_LINE) + u32(k * 4);
            b[c] = subgroupMatrixLoad<Right, col_major>(&tiles, at, RIGHT_LINE);
          }
          if (DIRECTION != INPUT) {
            let at = u32(RIGHT_START + k * 16 * RIGHT_LINE) + (across + u32(c * 16)) / 4u;
            b[c] = subgroupMatrixLoad<Right, row_major>(&tiles, at, RIGHT_LINE);
          }
        }
        // unroll
        for (var r = 0; r < BLOCKS_DOWN; r++) {
          var a: Left;
          if (DIRECTION == WEIGHT) {
            let at = u32(k * 16 * LEFT_LINE) + (down + u32(r * 16)) / 4u;
            a = subgroupMatrixLoad<Left, col_major>(&tiles, at, LEFT_LINE);
          }
          if (DIRECTION != WEIGHT) {
            let at = (down + u32(r * 16)) * u32(LEFT_LINE) + u32(k * 4);
            a = subgroupMatrixLoad<Left, row_major>(&tiles, at, LEFT_LINE);
          }
          // unroll
          for (var c = 0; c < BLOCKS_ACROSS; c++) {
            sums[r * BLOCKS_ACROSS + c] = subgroupMatrixMultiplyAccumulate(a, b[c], sums[r * BLOCKS_ACROSS + c]);
          }
        }
      }
    }

    workgroupBarrier();
    // unroll
    for (var i = 0; i < LEFT_ITEMS; i++) {
      let item = thread + i * THREADS;
      let fours = LEFT_LINE - PADDING;
      if (item < LEFT_FOURS) { keep(item / fours * LEFT_LINE + item % fours, nextLeft[i]); }
    }
    // unroll
    for (var i = 0; i < RIGHT_ITEMS; i++) {
      let item = thread + i * THREADS;
      let fours = RIGHT_LINE - PADDING;
      if (item < RIGHT_FOURS) { keep(RIGHT_START + item / fours * RIGHT_LINE + item % fours, nextRight[i]); }
    }
    workgroupBarrier();
  }

  let columns = select(shape.outputChannels, shape.inputChannels, DIRECTION == INPUT || SWAPPED == 1);
  var rows = taps * leftChannels;
  if (DIRECTION == FORWARD) { rows = positions; }
  if (DIRECTION == INPUT) { rows = shape.batch * shape.inputDepth * shape.inputHeight * shape.inputWidth; }
  // Moments of the columns of the matrices, each kept by the invocation that adds them up; block by block they are joined
  // (Chan, Golub and LeVeque 1979).
  // registers
  var mean: array<f32, BLOCKS_ACROSS>;
  // registers
  var squares: array<f32, BLOCKS_ACROSS>;
  // registers
  var count: array<f32, BLOCKS_ACROSS>;
  // unroll
  for (var block = 0; block < BLOCKS_DOWN * BLOCKS_ACROSS; block++) {
    let start = subgroup * 256u;
    subgroupMatrixStore<row_major>(&leaving, start, sums[block], 16);
    workgroupBarrier();
    for (var item = thread; item < DOWN * ACROSS * 256; item += THREADS) {
      let part = item / 256;
      let row = firstRow + part / ACROSS * (ROWS / DOWN) + block / BLOCKS_ACROSS * 16 + item / 16 % 16;
      let column = firstColumn + part % ACROSS * (COLUMNS / ACROSS) + block % BLOCKS_ACROSS * 16 + item % 16;
      if ((row < rows) & (column < columns)) {
        var resultRow = row;
        if (PARITIES == 1) {
          let position = placeOf(row, outputSize());
          resultRow = voxel(position.xyz * 2 + parity, position.w, outputSize() * 2);
        }
        if (share == 0) {
          if (shape.addend == 1) { leaving[item] += addends[column]; }
          if (shape.addend == 2) { leaving[item] += addends[resultRow * columns + column]; }
        }
        if (HALVES == 1) { leaving[item] = quantizeToF16(leaving[item]); }
        var at = (share * rows * (1 + 7 * PARITIES) + resultRow) * columns + column;
        if (SWAPPED == 1) {
          at = ((share * taps + row / leftChannels) * columns + column) * leftChannels + row % leftChannels;
        }
        result[at] = leaving[item];
      }
    }
    workgroupBarrier();
    if (MOMENTS == 1) {
      if (thread < DOWN * ACROSS * 16) {
        let first = firstRow + thread / 16 / ACROSS * (ROWS / DOWN) + block / BLOCKS_ACROSS * 16;
        let own = clamp(rows - first, 0, 16);
        let at = thread / 16 * 256 + thread % 16;
        var total = 0.0;
        for (var row = 0; row < own; row++) { total += leaving[at + row * 16]; }
        let average = total / f32(max(own, 1));
        for (var row = 0; row < own; row++) {
          let delta = leaving[at + row * 16] - average;
          squares[block % BLOCKS_ACROSS] += delta * delta;
        }
        let before = count[block % BLOCKS_ACROSS];
        let after = before + f32(own);
        let delta = average - mean[block % BLOCKS_ACROSS];
        squares[block % BLOCKS_ACROSS] += delta * delta * before * f32(own) / max(after, 1.0);
        mean[block % BLOCKS_ACROSS] += delta * f32(own) / max(after, 1.0);
        count[block % BLOCKS_ACROSS] = after;
      }
      workgroupBarrier();
    }
  }
  if (MOMENTS == 1) {
    // unroll
    for (var c = 0; c < BLOCKS_ACROSS; c++) {
      let column = firstColumn + thread / 16 % ACROSS * (COLUMNS / ACROSS) + c * 16 + thread % 16;
      let row = (parityIndex * shape.tiles + tile) / shape.columnTiles * DOWN + thread / 16 / ACROSS;
      let at = 3 * row * columns + column;
      if ((thread < DOWN * ACROSS * 16) & (column < columns)) {
        partials[at] = mean[c];
        partials[at + columns] = squares[c];
        partials[at + 2 * columns] = count[c];
      }
    }
  }
}
