/**
 * The three functions of matrix units in plain WGSL, so that the indices of a kernel that is written for them can be
 * tried where there are none. A factor is no more than the place of its tile; of the sums each lane of a subgroup of 32
 * keeps eight.
 */
const FUNCTIONS = `
struct Factor { columnMajor: bool, at: u32, line: u32 }
struct EightSums { values: array<f32, 8> }
var<private> emulatedLane: u32;
// A number that compilers do not know, so that they leave the loops as they are.
var<private> emulatedSide: u32;

fn factorElement(factor: Factor, row: u32, column: u32) -> f32 {
  let i = select(row, column, factor.columnMajor) * factor.line * 4u + select(column, row, factor.columnMajor);
  return f32(tiles[factor.at + i / 4u][i % 4u]);
}

fn multiplyAccumulate(a: Factor, b: Factor, sums: EightSums) -> EightSums {
  var more = sums;
  for (var i = 0u; i < emulatedSide / 2u; i++) {
    let element = emulatedLane + i * 32u;
    for (var k = 0u; k < emulatedSide; k++) {
      more.values[i] += factorElement(a, element / 16u, k) * factorElement(b, k, element % 16u);
    }
  }
  return more;
}

fn storeSums(at: u32, sums: EightSums, line: u32) {
  for (var i = 0u; i < emulatedSide / 2u; i++) {
    let element = emulatedLane + i * 32u;
    leaving[at + element / 16u * line + element % 16u] = sums.values[i];
  }
}
`

/** Constants that go with `emulateMatrices`. */
export const EMULATED_TYPES = { Left: 'Factor', Right: 'Factor', Sums: 'EightSums' }

/** A kernel on matrices, rewritten for devices without them. */
export function emulateMatrices(source: string): string {
  const text = source
    .replace('enable chromium_experimental_subgroup_matrix;', '')
    .replace('enable subgroups;', '')
    .replace('  @builtin(subgroup_id) subgroup: u32,\n', '')
    .replace(
      'let thread = i32(invocation);',
      'let thread = i32(invocation);\n  let subgroup = invocation / 32u;\n  emulatedLane = invocation % 32u;\n  emulatedSide = 16u + u32(min(shape.batch, 0));',
    )
    .replaceAll(
      /subgroupMatrixLoad<\w+, (row|col)_major>\(&tiles, /g,
      (_, major) => `Factor(${major === 'col'}, `,
    )
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplyAccumulate(')
    .replaceAll('subgroupMatrixStore<row_major>(&leaving, ', 'storeSums(')
  return text + FUNCTIONS
}
