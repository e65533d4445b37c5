import { describe, expect, it } from 'vitest'
import { escapeHtml } from '../src/html.ts'

describe('escapeHtml', () => {
  it('leaves nothing that a browser would interpret', () => {
    expect(escapeHtml(`<a href="x" onclick='y'>&`)).toBe(
      '&lt;a href=&quot;x&quot; onclick=&#39;y&#39;&gt;&amp;',
    )
  })
})
