#!/usr/bin/env node
// Plain JavaScript that even an old Node can read, so that a wrong version or a missing build is said in a sentence.
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
const built = new URL('../dist/main.js', import.meta.url)

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `voxnorm needs Node 20.19 or newer; this is ${process.versions.node}.\n  fix: install a current Node\n`,
  )
  process.exitCode = 69
} else if (!existsSync(built)) {
  process.stderr.write(
    'voxnorm is not built yet: dist/main.js is missing.\n  fix: in the checkout, run pnpm install && pnpm build\n',
  )
  process.exitCode = 69
} else {
  const { program } = await import(built.href)
  process.exitCode = await program(process.argv.slice(2))
}
