import { collect, input, type Tensor } from '../src/graph/tensor.ts'
import type { Kernel } from '../src/op.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { matrixUnits } from '../src/runtime/matrix-syntax.ts'
import type { OpCase } from '../src/tuning/index.ts'
import { withKernels } from './with-kernels.ts'

/** A GPU with matrix units, as an NVIDIA one shows itself. */
export const matrixGpu: Capabilities = {
  adapter: 'a GPU',
  software: false,
  subgroupSize: 32,
  features: new Set(['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix']),
  matrices: await matrixUnits('present'),
  limits: {
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 2 ** 32 - 4,
    maxComputeWorkgroupStorageSize: 49_152,
    maxComputeInvocationsPerWorkgroup: 1024,
  },
}

/** The node of a case's op in its graph. */
export const nodeOf = ({ op, inputs, build }: OpCase): Tensor =>
  collect([build(inputs.map(({ spec }, index) => input(`x${index}`, spec)))]).find(
    (tensor) => tensor.op === (op as unknown),
  )!

/**
 * The three functions of matrix units in plain WGSL, so that the indices of a kernel that is written for them can be
 * tried where there are none. A factor is no more than the place of its tile; of the sums each lane of a subgroup of 32
 * keeps eight.
 */
const functions = ({ factors, results }: Names) => `
struct Factor { columnMajor: bool, at: u32, line: u32 }
struct EightSums { values: array<f32, 8> }
var<private> emulatedLane: u32;
// A number that compilers do not know, so that they leave the loops as they are.
var<private> emulatedSide: u32;

fn factorElement(factor: Factor, row: u32, column: u32) -> f32 {
  let i = select(row, column, factor.columnMajor) * factor.line * 4u + select(column, row, factor.columnMajor);
  return f32(${factors}[factor.at + i / 4u][i % 4u]);
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
    ${results}[at + element / 16u * line + element % 16u] = sums.values[i];
  }
}
`

/** Where a kernel on matrices has what its emulation needs to know. */
interface Names {
  /** The array of fours that matrices are loaded from, and the one of numbers that they are stored to. */
  readonly factors: string
  readonly results: string
  /** An i32 of the uniforms that is never below zero. */
  readonly size: string
}

/** A kernel on matrices, rewritten for devices without them. */
function emulateMatrices(source: string, names: Names): string {
  const text = source
    .replace('enable chromium_experimental_subgroup_matrix;', '')
    .replace('enable subgroups;', '')
    .replace('  @builtin(subgroup_id) subgroup: u32,\n', '')
    .replace(
      /fn main\([^{]*\{\n/,
      (start) =>
        `${start}  let subgroup = invocation / 32u;\n  emulatedLane = invocation % 32u;\n  emulatedSide = 16u + u32(min(${names.size}, 0));\n`,
    )
    .replaceAll(
      /subgroupMatrixLoad<\w+, (row|col)_major>\(&\w+, /g,
      (_, major) => `Factor(${major === 'col'}, `,
    )
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplyAccumulate(')
    .replaceAll(/subgroupMatrixStore<row_major>\(&\w+, /g, 'storeSums(')
  return text + functions(names)
}

const TYPES = { Left: 'Factor', Right: 'Factor', Sums: 'EightSums' }

/** The case with kernels for matrix units, with the programs that they have on `device`, emulated. */
export function withEmulatedMatrices(
  opCase: OpCase,
  kernels: readonly Kernel<never>[],
  device: Capabilities,
  names: Names,
): OpCase {
  const emulated = kernels.map(
    ({ program }, index): Kernel<never> => ({
      name: `emulated ${index}`,
      program(inputs, output, params) {
        const whole = program(inputs, output, params, device)
        const stages = whole.stages.map((stage) =>
          typeof stage.source === 'string' && stage.source.includes('subgroupMatrixLoad')
            ? {
                ...stage,
                source: emulateMatrices(stage.source, names),
                constants: { ...stage.constants, ...TYPES },
              }
            : stage,
        )
        return { ...whole, stages }
      },
    }),
  )
  return withKernels(opCase, emulated)
}
