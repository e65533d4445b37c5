// Packs every package and asks publint and are-the-types-wrong what is wrong with the tarballs. They are ES modules with
// `exports`: what CommonJS and the resolution of Node 10 would make of them does not count.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packPackages, publishedPackages } from './pack.mjs'

const RESOLUTIONS = ['node16-esm', 'bundler']

const folder = mkdtempSync(join(tmpdir(), 'voxnorm-packages-'))
try {
  packPackages(folder)
  for (const { manifest, tarball } of publishedPackages()) {
    const bytes = readFileSync(join(folder, tarball))
    const problems = [...(await publintProblems(manifest, bytes)), ...(await typeProblems(bytes))]
    console.log(`${manifest.name}: ${problems.length === 0 ? 'publint and types are clean' : ''}`)
    for (const problem of problems) console.log(`  ${problem}`)
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function publintProblems(manifest, bytes) {
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const { messages } = await publint({ pack: { tarball }, strict: true })
  return messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false })}`)
}

async function typeProblems(bytes) {
  const analysis = await checkPackage(createPackageFromTarballData(bytes))
  if (!analysis.types) return ['types: there are none']
  return analysis.problems
    .filter(({ resolutionKind }) => resolutionKind === undefined || RESOLUTIONS.includes(resolutionKind))
    .map((problem) => `types: ${JSON.stringify(problem)}`)
}
