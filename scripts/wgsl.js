// JavaScript, so that builds, bundles and tests read kernels in the same way: what is tested is what is shipped.
import { readFile } from 'node:fs/promises'

/** What `specialize` looks for in a kernel. */
const MARK = /^\/\/ (unroll|registers)$/

/**
 * A kernel's text without what only people read: comments go, and indentations become one space, so that what is not
 * at the top level still does not look so. Lines stay where they are, for the numbers in messages of compilers.
 *
 * @param {string} source text of a `.wgsl` file
 * @returns {string}
 */
export function kernelText(source) {
  if (source.includes('/*'))
    throw new Error('A kernel has a block comment; only line comments are known here.')
  return source
    .split('\n')
    .map((line) =>
      line
        .replace(/\/\/.*$/, (comment) => (MARK.test(comment.trim()) ? comment.trim() : ''))
        .trimEnd()
        .replace(/^\s+/, ' '),
    )
    .join('\n')
}

/**
 * For esbuild: `import text from './kernel.wgsl'`.
 *
 * @type {import('esbuild').Plugin}
 */
export const kernelsAsText = {
  name: 'kernels-as-text',
  setup({ onLoad }) {
    onLoad({ filter: /\.wgsl$/ }, async ({ path }) => ({
      contents: kernelText(await readFile(path, 'utf8')),
      loader: 'text',
    }))
  },
}
