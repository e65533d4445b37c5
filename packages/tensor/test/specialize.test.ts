import { describe, expect, it } from 'vitest'
import { specialize } from '../src/runtime/specialize.ts'

const SOURCE = `const SIZE = 2;
const WIDTH: i32 = SIZE * 2 + 1;
fn f(n: i32) -> f32 {
  // registers
  var sum: array<f32, SIZE * 2>;
  // unroll
  for (var i = 0; i < SIZE; i++) {
    // unroll
    for (var j = i; j < SIZE; j++) {
      sum[i * SIZE + j] = f32(n + i * j);
      if (i == j && n < 3) { sum[i * SIZE + j] = 0.0; }
      if (i != j) { sum[j] = 1.0; }
    }
  }
  return sum[0];
}`

describe('specialising a kernel', () => {
  it('replaces constants and leaves the rest alone when nothing is marked', () => {
    const text = 'const A = 1;\nconst B: u32 = 2u;\nfn f() {}\n'
    expect(specialize(text, 'a.wgsl', { A: 7, B: '9u' })).toBe(
      'const A = 7;\nconst B: u32 = 9u;\nfn f() {}\n',
    )
  })

  it('replaces the type behind an alias', () => {
    const text = 'alias Value = f32;\nvar<private> a: array<Value, 4>;\n'
    expect(specialize(text, 'a.wgsl', { Value: 'vec4f' })).toBe(
      'alias Value = vec4f;\nvar<private> a: array<Value, 4>;\n',
    )
  })

  it('refuses a constant that the kernel does not have', () => {
    expect(() => specialize('const A = 1;', 'a.wgsl', { TILE: 4 })).toThrow(/no top-level line "const TILE/)
  })

  it('unrolls, decides what became constant, keeps what did not, and names registers', () => {
    const text = specialize(SOURCE, 'a.wgsl')
    expect(text).toContain('var sum_0: f32; var sum_1: f32; var sum_2: f32; var sum_3: f32;')
    expect(text).toContain('sum_1 = f32(n + 0 * 1);')
    expect(text).toContain('sum_1 = 1.0;')
    expect(text).not.toContain('sum_2 =')
    expect(text.match(/if \(/g)).toHaveLength(3)
    expect(text).not.toMatch(/for \(|sum\[/)
  })

  it('names the loop whose bounds are not constants, and the register that does not exist', () => {
    const loop = '// unroll\nfor (var i = 0; i < n; i++) { }'
    expect(() => specialize(loop, 'a.wgsl')).toThrow(/cannot unroll "for i from 0 to n"/)
    const register =
      '// unroll\nfor (var i = 0; i < 1; i++) { }\n// registers\nvar a: array<f32, 2>;\na[2] = 1.0;'
    expect(() => specialize(register, 'a.wgsl')).toThrow(/registers a\[2\]/)
  })
})
