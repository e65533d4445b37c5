import { normalize } from '@voxnorm/pipeline'
import { Runtime } from '@voxnorm/tensor'

/** The files of a normalised scan, as JSON can carry them. */
export interface Result {
  readonly files: Readonly<Record<string, readonly number[]>>
}

/** What a page does with a scan: the same in a browser and in Node, where `gpu` comes from @voxnorm/node. */
export async function normalizeScan(gpu: GPU, model: Uint8Array, scan: Uint8Array): Promise<Result> {
  const runtime = await Runtime.open(gpu)
  const { files } = await normalize(model, { name: 'scan.nii', bytes: scan }, { runtime })
  runtime.dispose()
  return { files: Object.fromEntries([...files].map(([name, bytes]) => [name, [...bytes]])) }
}
