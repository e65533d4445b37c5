import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { makeFolder, outputFailure } from '@voxnorm/data/node'
import type { Sink } from '../storage.ts'
import { openDiskSink } from './disk.ts'

/**
 * Fills a new folder, which is there completely or not at all: `fill` works in a temporary one beside its place. An empty
 * folder of the name gives way.
 */
export async function fillNewFolder<T>(out: string, fill: (sink: Sink) => Promise<T>): Promise<T> {
  const parent = path.dirname(path.resolve(out))
  const temporary = path.join(parent, `.${path.basename(out)}.${process.pid}.tmp`)
  makeFolder(parent)
  try {
    mkdirSync(temporary)
    const result = await fill(openDiskSink(temporary))
    if (existsSync(out)) rmdirSync(out)
    renameSync(temporary, out)
    return result
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw outputFailure(error, out)
  }
}
