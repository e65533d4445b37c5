import os from 'node:os'
import type { Host } from '@voxnorm/pipeline/training'
import { version } from './version.ts'

/** What a run remembers of the program and the machine. */
export function host(): Host {
  const [processor] = os.cpus()
  return {
    voxnorm: version(),
    node: process.version,
    platform: `${process.platform} ${process.arch} ${os.release()}`,
    processor: processor === undefined ? 'unknown' : `${processor.model.trim()} x ${os.cpus().length}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  }
}
