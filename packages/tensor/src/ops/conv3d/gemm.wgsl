// Each member of the convolution family as one matrix product, result[M, N] = left[M, K] * right[K, N], whose operands
// are gathered from the tensors on the way instead of being written out ("implicit GEMM"):
//   FORWARD  y[position, co]  = x[position * stride + tap - padding, ci] * w[(tap, ci), co]          K = (tap, ci)
//   INPUT    dx[voxel, ci]    = dy[readers of voxel through tap, co]     * w[(tap, co), ci]          K = (tap, co)
//   WEIGHT   dw[(tap, ci), co] = x[position * stride + tap - padding, ci] * dy[position, co]         K = position
// A workgroup makes a tile of ROWS x COLUMNS and walks along K in slices of DEPTH. Slices go through registers into
// workgroup memory: the next one is on its way from global memory while the present one is multiplied. Each invocation
// sums THREAD_ROWS x THREAD_COLUMNS results in registers. K may be shared out; `sum` of the shares follows.
// With DOUBLED, y is the convolution of the upsampled x, whose voxels are repeated on every axis, and neither that nor
// sums of it are ever in memory:
//   FORWARD  an output of each of eight parities meets two voxels of x on every axis. `kernel` is 2, w has the sums of
//            taps of parity-weights.wgsl, positions are those of x, and group.z counts parities, then shares.
//   INPUT    dy is added up over the readers of a voxel as it is gathered.
//   WEIGHT   the same sums meet x: dw[(tap, co), ci] = sums of dy[readers of voxel through tap, co] * x[voxel, ci], with
//            K = voxel. The left tensor is dy, the right one x, and the result is written transposed.
// With NORMALIZED, x is normalised and activated as it is gathered; `scales` has the rows of channel-scales.wgsl. A
// padding of zeros is put around what that gives. With MOMENTS, each tile of FORWARD leaves mean, squared deviations and
// number of each column's results for moments.combine.wgsl; K is in one piece then. With HALVES these are rounded before,
// as they are when they are stored: moments must be those of what readers will see.
const FORWARD = 0;
const INPUT = 1;
const WEIGHT = 2;
const DIRECTION = FORWARD;
// 1 where the stride is above one. Only INPUT has to divide by it.
const STRIDED = 0;
// 1 where both numbers of channels are multiples of four, so that four neighbours are one load.
const VECTOR = 0;
const DOUBLED = 0;
const ROWS = 64;
const COLUMNS = 64;
const DEPTH = 16;
const THREAD_ROWS = 4;
const THREAD_COLUMNS = 4;
// Slices in workgroup memory. With two, one barrier for each slice is enough.
const BUFFERS = 2;
const NORMALIZED = 0;
const MOMENTS = 0;
const HALVES = 0;

// Everything is moved in fours: along the channels of the tensor that it comes from.
const QUADS = DEPTH / 4;
const ACROSS = COLUMNS / THREAD_COLUMNS;
const DOWN = ROWS / THREAD_ROWS;
const THREADS = ACROSS * DOWN;
const LEFT_FOURS = ROWS * QUADS;
const RIGHT_FOURS = COLUMNS * QUADS;
const LEFT_ITEMS = (LEFT_FOURS + THREADS - 1) / THREADS;
const RIGHT_ITEMS = (RIGHT_FOURS + THREADS - 1) / THREADS;
const THREAD_FOURS = THREAD_COLUMNS / 4;
// 1 for FORWARD, and for WEIGHT, of an upsampled x.
const PARITIES = DOUBLED * (1 - (DIRECTION + 1) / 2);
const SWAPPED = DOUBLED * (DIRECTION / 2);

struct Shape {
  batch: i32, inputChannels: i32, outputChannels: i32,
  inputDepth: i32, inputHeight: i32, inputWidth: i32,
  outputDepth: i32, outputHeight: i32, outputWidth: i32,
  kernel: i32, stride: i32, padding: i32, replicate: i32,
  // What is added to a FORWARD result: 0 nothing, 1 one value for each column, 2 one for each element.
  addend: i32,
  tiles: i32, columnTiles: i32, slices: i32, slicesPerShare: i32, slope: f32,
}
// Operands are bound twice, because WGSL has no constant that chooses the type of a binding.
@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> leftFours: array<vec4f>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read> rightFours: array<vec4f>;
@group(0) @binding(4) var<storage, read> addends: array<f32>;
@group(0) @binding(5) var<storage, read> scales: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<f32>;
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;
@group(0) @binding(8) var<uniform> shape: Shape;

// A four lies in the tile as it lies in its tensor, so that filling needs no transposition: the left tile is
// [row][K / 4], and [K][row / 4] for WEIGHT; the right tile is [K][column / 4], and [column][K / 4] for INPUT.
var<workgroup> leftTile: array<vec4f, BUFFERS * LEFT_FOURS>;
var<workgroup> rightTile: array<vec4f, BUFFERS * RIGHT_FOURS>;

fn inputSize() -> vec3i { return vec3i(shape.inputDepth, shape.inputHeight, shape.inputWidth); }
fn outputSize() -> vec3i { return vec3i(shape.outputDepth, shape.outputHeight, shape.outputWidth); }

// Depth, height, width and batch of the voxel with this index.
fn placeOf(index: i32, size: vec3i) -> vec4i {
  let row = index / size.z;
  let plane = row / size.y;
  return vec4i(plane % size.x, row % size.y, index % size.z, plane / size.x);
}

// The place `step` further on, both given digit by digit: additions with carry are cheaper than divisions.
fn advanced(place: vec4i, step: vec4i, size: vec3i) -> vec4i {
  var next = place + step;
  if (next.z >= size.z) { next.z -= size.z; next.y += 1; }
  if (next.y >= size.y) { next.y -= size.y; next.x += 1; }
  if (next.x >= size.x) { next.x -= size.x; next.w += 1; }
  return next;
}

fn voxel(at: vec3i, n: i32, size: vec3i) -> i32 { return ((n * size.x + at.x) * size.y + at.y) * size.z + at.z; }

// Four channels of a voxel of the left tensor; zero past the last channel.
fn leftAt(place: i32, channel: i32, channels: i32) -> vec4f {
  let at = place * channels + channel;
  var four = vec4f();
  if (VECTOR == 1) { four = leftFours[at / 4]; }
  if (VECTOR == 0) {
    // unroll
    for (var i = 0; i < 4; i++) {
      if (channel + i < channels) { four[i] = left[at + i]; }
    }
  }
  return four;
}

// Four channels in a row of the right operand.
fn rightAt(row: i32, channel: i32, channels: i32) -> vec4f {
  let at = row * channels + channel;
  var four = vec4f();
  if (VECTOR == 1) { four = rightFours[at / 4]; }
  if (VECTOR == 0) {
    // unroll
    for (var i = 0; i < 4; i++) {
      if (channel + i < channels) { four[i] = right[at + i]; }
    }
  }
  return four;
}

// A row of `scales` for four channels; zero past the last channel.
fn scalesAt(row: i32, channel: i32) -> vec4f {
  var four = vec4f();
  if (NORMALIZED == 1) {
    // unroll
    for (var i = 0; i < 4; i++) {
      if (channel + i < shape.inputChannels) { four[i] = scales[row * shape.inputChannels + channel + i]; }
    }
  }
  return four;
}

// Four channels of x with the three rows of `scales` for them.
fn normalized(four: vec4f, normal: mat3x4f) -> vec4f {
  var value = four;
  if (NORMALIZED == 1) {
    value = (value - normal[0]) * normal[1] + normal[2];
    value = select(shape.slope * value, value, value > vec4f());
  }
  return value;
}

// What the tap reads of x for the output at `position`, whose first tap lies `padding` before it.
fn patchAt(position: vec4i, tap: vec3i, padding: vec3i, channel: i32, normal: mat3x4f) -> vec4f {
  let size = inputSize();
  let wanted = position.xyz * shape.stride + tap - padding;
  let at = clamp(wanted, vec3i(), size - 1);
  let inside = (shape.replicate == 1) | all(at == wanted);
  if (!inside | (position.w >= shape.batch) | (channel >= shape.inputChannels)) { return vec4f(); }
  return normalized(leftAt(voxel(at, position.w, size), channel, shape.inputChannels), normal);
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
        sum += leftAt(voxel(vec3i(d, h, w), at.w, size), channel, shape.outputChannels);
      }
    }
  }
  return sum;
}

// In the right tile of INPUT, neighbouring invocations read neighbouring columns at the same K. Turning each column's
// fours by another amount spreads these reads over the memory banks.
fn turned(column: i32, quad: i32) -> i32 { return column * QUADS + (quad ^ (column * QUADS / 8 % QUADS)); }

@compute @workgroup_size(THREADS)
fn main(
  @builtin(local_invocation_index) invocation: u32,
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
  // The rows of WEIGHT are taps with their channels of the left tensor, rounded up so that no four belongs to two taps.
  let leftChannels = select(shape.inputChannels, shape.outputChannels, SWAPPED == 1);
  let rightChannels = select(shape.outputChannels, shape.inputChannels, SWAPPED == 1);
  let paddedChannels = (leftChannels + 3) / 4 * 4;
  let weightSize = select(outputSize(), inputSize(), SWAPPED == 1);

  // Where K stands: for WEIGHT the positions move from slice to slice, for the others the tap and its channels do.
  var tapIndex = 0;
  var channel = 0;
  // registers
  var place: array<vec4i, LEFT_ITEMS>;
  if (DIRECTION == WEIGHT) {
    let row = firstRow + thread % (ROWS / 4) * 4;
    tapIndex = row / paddedChannels;
    channel = select(row % paddedChannels, leftChannels, tapIndex >= taps);
    // unroll
    for (var i = 0; i < LEFT_ITEMS; i++) {
      place[i] = placeOf(firstSlice * DEPTH + (thread + i * THREADS) / (ROWS / 4), weightSize);
    }
  }
  if (DIRECTION != WEIGHT) {
    let channels = select(shape.inputChannels, shape.outputChannels, DIRECTION == INPUT);
    let slicesPerTap = (channels + DEPTH - 1) / DEPTH;
    tapIndex = firstSlice / slicesPerTap;
    channel = firstSlice % slicesPerTap * DEPTH;
    // unroll
    for (var i = 0; i < LEFT_ITEMS; i++) {
      let row = firstRow + (thread + i * THREADS) / QUADS;
      place[i] = placeOf(row, select(outputSize(), inputSize(), DIRECTION == INPUT));
    }
  }
  var tap = vec3i(tapIndex / shape.kernel / shape.kernel, tapIndex / shape.kernel % shape.kernel, tapIndex % shape.kernel);
  let step = placeOf(DEPTH, weightSize);
  var normal = mat3x4f();
  if (DIRECTION == WEIGHT && NORMALIZED == 1) {
    // All items of an invocation have the same channels of x, on whichever side that is.
    let own = select(channel, firstColumn + thread % (COLUMNS / 4) * 4, SWAPPED == 1);
    normal = mat3x4f(scalesAt(0, own), scalesAt(1, own), scalesAt(2, own));
  }

  // registers
  var nextLeft: array<vec4f, LEFT_ITEMS>;
  // registers
  var nextRight: array<vec4f, RIGHT_ITEMS>;
  // registers
  var sums: array<vec4f, THREAD_ROWS * THREAD_FOURS>;
  // unroll
  for (var i = 0; i < THREAD_ROWS * THREAD_FOURS; i++) { sums[i] = vec4f(); }
  let across = thread % ACROSS;
  let down = thread / ACROSS;

  // Each turn fetches its slice and multiplies the one before.
  for (var turn = firstSlice; turn <= lastSlice; turn++) {
    if (turn < lastSlice) {
      if (DIRECTION == FORWARD && NORMALIZED == 1) {
        // The same for all items of an invocation, because THREADS is a multiple of QUADS.
        let own = channel + thread % QUADS * 4;
        normal = mat3x4f(scalesAt(0, own), scalesAt(1, own), scalesAt(2, own));
      }
      // unroll
      for (var i = 0; i < LEFT_ITEMS; i++) {
        let item = thread + i * THREADS;
        if (DIRECTION == FORWARD) { nextLeft[i] = patchAt(place[i], tap, padding, channel + item % QUADS * 4, normal); }
        if (DIRECTION == INPUT) { nextLeft[i] = readersAt(place[i], tap, channel + item % QUADS * 4); }
        if (DIRECTION == WEIGHT) {
          if (SWAPPED == 0) { nextLeft[i] = patchAt(place[i], tap, padding, channel, normal); }
          if (SWAPPED == 1) { nextLeft[i] = readersAt(place[i], tap, channel); }
          place[i] = advanced(place[i], step, weightSize);
        }
      }
      // unroll
      for (var i = 0; i < RIGHT_ITEMS; i++) {
        let item = thread + i * THREADS;
        var row = 0;
        var output = firstColumn + item % (COLUMNS / 4) * 4;
        var inside = item < RIGHT_FOURS;
        if (DIRECTION == FORWARD) {
          let input = channel + item / (COLUMNS / 4);
          row = (parityIndex * taps + tapIndex) * shape.inputChannels + input;
          inside &= input < shape.inputChannels;
        }
        if (DIRECTION == INPUT) {
          let input = firstColumn + item / QUADS;
          output = channel + item % QUADS * 4;
          row = tapIndex * shape.inputChannels + input;
          inside &= input < shape.inputChannels;
        }
        if (DIRECTION == WEIGHT) {
          row = turn * DEPTH + item / (COLUMNS / 4);
          inside &= row < shape.batch * weightSize.x * weightSize.y * weightSize.z;
        }
        nextRight[i] = vec4f();
        if (inside & (output < rightChannels)) {
          nextRight[i] = rightAt(row, output, rightChannels);
          if (SWAPPED == 1) { nextRight[i] = normalized(nextRight[i], normal); }
        }
      }
      if (DIRECTION != WEIGHT) {
        channel += DEPTH;
        if (channel >= select(shape.inputChannels, shape.outputChannels, DIRECTION == INPUT)) {
          channel = 0;
          tapIndex += 1;
          tap.z += 1;
          if (tap.z == shape.kernel) { tap.z = 0; tap.y += 1; }
          if (tap.y == shape.kernel) { tap.y = 0; tap.x += 1; }
        }
      }
    }

    if (turn > firstSlice) {
      let leftStart = (turn - 1) % BUFFERS * LEFT_FOURS;
      let rightStart = (turn - 1) % BUFFERS * RIGHT_FOURS;
      for (var q = 0; q < QUADS; q++) {
        // Four columns at four K each, one vec4f for every K.
        // registers
        var b: array<vec4f, THREAD_COLUMNS>;
        // unroll
        for (var c = 0; c < THREAD_FOURS; c++) {
          // unroll
          for (var k = 0; k < 4; k++) {
            if (DIRECTION == INPUT) { b[c * 4 + k] = rightTile[rightStart + turned(across + (c * 4 + k) * ACROSS, q)]; }
            if (DIRECTION != INPUT) { b[c * 4 + k] = rightTile[rightStart + (q * 4 + k) * (COLUMNS / 4) + across + c * ACROSS]; }
          }
          if (DIRECTION == INPUT) {
            let byK = transpose(mat4x4f(b[c * 4], b[c * 4 + 1], b[c * 4 + 2], b[c * 4 + 3]));
            // unroll
            for (var k = 0; k < 4; k++) { b[c * 4 + k] = byK[k]; }
          }
        }
        // unroll
        for (var r = 0; r < THREAD_ROWS / 4; r++) {
          // Four rows at four K each, one vec4f for every row.
          // registers
          var a: array<vec4f, 4>;
          // unroll
          for (var i = 0; i < 4; i++) {
            if (DIRECTION == WEIGHT) { a[i] = leftTile[leftStart + (q * 4 + i) * (ROWS / 4) + down + r * DOWN]; }
            if (DIRECTION != WEIGHT) { a[i] = leftTile[leftStart + ((down + r * DOWN) * 4 + i) * QUADS + q]; }
          }
          if (DIRECTION == WEIGHT) {
            let byRow = transpose(mat4x4f(a[0], a[1], a[2], a[3]));
            // unroll
            for (var i = 0; i < 4; i++) { a[i] = byRow[i]; }
          }
          // unroll
          for (var k = 0; k < 4; k++) {
            // unroll
            for (var i = 0; i < 4; i++) {
              // unroll
              for (var c = 0; c < THREAD_FOURS; c++) { sums[(r * 4 + i) * THREAD_FOURS + c] += a[i][k] * b[c * 4 + k]; }
            }
          }
        }
      }
    }

    if (BUFFERS == 1) { workgroupBarrier(); }
    // unroll
    for (var i = 0; i < LEFT_ITEMS; i++) {
      let item = thread + i * THREADS;
      if (item < LEFT_FOURS) { leftTile[turn % BUFFERS * LEFT_FOURS + item] = nextLeft[i]; }
    }
    // unroll
    for (var i = 0; i < RIGHT_ITEMS; i++) {
      let item = thread + i * THREADS;
      var slot = item;
      if (DIRECTION == INPUT) { slot = turned(item / QUADS, item % QUADS); }
      if (item < RIGHT_FOURS) { rightTile[turn % BUFFERS * RIGHT_FOURS + slot] = nextRight[i]; }
    }
    workgroupBarrier();
  }

  let columns = select(shape.outputChannels, shape.inputChannels, DIRECTION == INPUT || SWAPPED == 1);
  var rows = taps * shape.inputChannels;
  if (DIRECTION == FORWARD) { rows = shape.batch * shape.outputDepth * shape.outputHeight * shape.outputWidth; }
  if (DIRECTION == INPUT) { rows = shape.batch * shape.inputDepth * shape.inputHeight * shape.inputWidth; }
  if (SWAPPED == 1) { rows = taps * shape.outputChannels; }
  // unroll
  for (var i = 0; i < THREAD_ROWS; i++) {
    let tileRow = firstRow + (down + i / 4 * DOWN) * 4 + i % 4;
    var row = tileRow;
    var inside = true;
    if (DIRECTION == WEIGHT) {
      inside = row % paddedChannels < leftChannels;
      row = row / paddedChannels * leftChannels + row % paddedChannels;
    }
    inside &= row < rows;
    if (PARITIES == 1) {
      let position = placeOf(row, outputSize());
      row = voxel(position.xyz * 2 + parity, position.w, outputSize() * 2);
    }
    // unroll
    for (var c = 0; c < THREAD_COLUMNS; c++) {
      var column = firstColumn + (across + c / 4 * ACROSS) * 4 + c % 4;
      if (DIRECTION == INPUT) { column = firstColumn + across + c * ACROSS; }
      if (inside & (column < columns)) {
        if (DIRECTION == FORWARD) {
          if ((shape.addend == 1) & (share == 0)) { sums[i * THREAD_FOURS + c / 4][c % 4] += addends[column]; }
          if ((shape.addend == 2) & (share == 0)) {
            sums[i * THREAD_FOURS + c / 4][c % 4] += addends[row * columns + column];
          }
        }
        if (HALVES == 1) {
          sums[i * THREAD_FOURS + c / 4][c % 4] = quantizeToF16(sums[i * THREAD_FOURS + c / 4][c % 4]);
        }
        var at = (share * rows * (1 + 7 * PARITIES) + row) * columns + column;
        if (SWAPPED == 1) {
          at = ((share * taps + row / leftChannels) * columns + column) * leftChannels + row % leftChannels;
        }
        result[at] = sums[i * THREAD_FOURS + c / 4][c % 4];
      }
    }
  }

  if (MOMENTS == 1) {
    // First the means, then the squared deviations from them. Invocations add up their own rows of a column, and then
    // all see what those above and below have; the slices in workgroup memory are no longer needed.
    let count = f32(min(ROWS, rows - firstRow));
    // registers
    var mean: array<vec4f, THREAD_FOURS>;
    // unroll
    for (var moment = 0; moment < 2; moment++) {
      // unroll
      for (var c = 0; c < THREAD_FOURS; c++) {
        var own = vec4f();
        // unroll
        for (var i = 0; i < THREAD_ROWS; i++) {
          var value = sums[i * THREAD_FOURS + c];
          if (moment == 1) { value = (value - mean[c]) * (value - mean[c]); }
          own += select(vec4f(), value, firstRow + (down + i / 4 * DOWN) * 4 + i % 4 < rows);
        }
        leftTile[down * (COLUMNS / 4) + across + c * ACROSS] = own;
      }
      workgroupBarrier();
      // unroll
      for (var c = 0; c < THREAD_FOURS; c++) {
        var total = vec4f();
        for (var r = 0; r < DOWN; r++) { total += leftTile[r * (COLUMNS / 4) + across + c * ACROSS]; }
        if (moment == 0) { mean[c] = total / count; }
        if (moment == 1) {
          // unroll
          for (var j = 0; j < 4; j++) {
            let column = firstColumn + (across + c * ACROSS) * 4 + j;
            if ((down == 0) & (column < columns)) {
              let at = 3 * ((parityIndex * shape.tiles + tile) / shape.columnTiles) * columns + column;
              partials[at] = mean[c][j];
              partials[at + columns] = total[j];
              partials[at + 2 * columns] = count;
            }
          }
        }
      }
      workgroupBarrier();
    }
  }
}
