import { SPLITS, type Split } from '@voxnorm/data'
import { sidecarValue } from '@voxnorm/data/node'

/**
 * What a scored subject was to the model: as the sidecar of its segmentation tells, which `predict` writes by the record of
 * the run, else as the reference data set says; `n/a` where nobody does.
 */
export function knownSplit(segmentation: string, stated: Split | undefined): Split | 'n/a' {
  const told = sidecarValue(segmentation, 'Split')
  return SPLITS.find((split) => split === told) ?? stated ?? 'n/a'
}
