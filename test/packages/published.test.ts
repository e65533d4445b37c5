import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { publishedPackages } from '../../scripts/pack.mjs'
import { modelFile, scanFile } from './specimens.ts'

const packages = publishedPackages().map((entry) => ({ ...entry, name: entry.manifest.name }))

describe.each(packages)('$name', ({ name, folder, manifest }) => {
  test('says in its package.json what npm and its users want to know', () => {
    expect(manifest).toMatchObject({
      description: expect.stringMatching(/^.{40,160}$/),
      keywords: expect.arrayContaining([expect.any(String)]),
      license: 'MIT',
      repository: { type: 'git', directory: `packages/${basename(folder)}` },
      type: 'module',
      engines: { node: '>=20.19' },
      sideEffects: false,
      files: expect.arrayContaining(['dist', '!dist/types/.tsbuildinfo', 'src']),
      scripts: { prepack: 'node ../../scripts/prepack.mjs' },
      publishConfig: { access: 'public' },
    })
  })

  test('offers every entry as source, types and module, all of which are there', () => {
    for (const [entry, conditions] of Object.entries<Record<string, string>>(manifest['exports'])) {
      expect(Object.keys(conditions), entry).toEqual(['@voxnorm/source', 'types', 'default'])
      for (const file of Object.values(conditions)) {
        expect(existsSync(join(folder, file)), `${name}: ${file}; is everything built?`).toBe(true)
      }
    }
  })
})

describe('the example of the README', () => {
  let scratch: string
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'voxnorm-readme-'))
    await writeFile(join(scratch, 'model.safetensors'), modelFile())
    await writeFile(join(scratch, 'scan.nii'), scanFile())
  })
  afterAll(() => rm(scratch, { recursive: true, force: true }))

  test.each(packages)('of $name runs and prints what is beneath it', async ({ folder }) => {
    const readme = readFileSync(join(folder, 'README.md'), 'utf8')
    const [, code, printed] = /```js\n([\s\S]*?)```(?:\n+```text\n([\s\S]*?)```)?/.exec(readme) ?? []
    expect(code, 'a block ```js').toBeDefined()
    // Inside the package, so that it is found under its own name.
    const program = join(folder, `.example-${process.pid}.mjs`)
    try {
      await writeFile(program, code!)
      const { stdout } = await promisify(execFile)(process.execPath, [program], { cwd: scratch })
      if (printed !== undefined) expect(stdout).toBe(printed)
    } finally {
      await rm(program, { force: true })
    }
  })
})
