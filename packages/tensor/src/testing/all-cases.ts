import type { OpCases } from '../op-case.ts'
import { batchNormCases } from '../ops/batchnorm/cases.ts'
import { broadcastCases } from '../ops/broadcast/cases.ts'
import { channelsCases } from '../ops/channels/cases.ts'
import { classesCases } from '../ops/classes/cases.ts'
import { conv3dCases } from '../ops/conv3d/cases.ts'
import { copyCases } from '../ops/copy/cases.ts'
import { curvesCases } from '../ops/curves/cases.ts'
import { dropoutCases } from '../ops/dropout/cases.ts'
import { histogramCases } from '../ops/histogram/cases.ts'
import { matmulCases } from '../ops/matmul/cases.ts'
import { pointwiseCases } from '../ops/pointwise/cases.ts'
import { maxPoolCases } from '../ops/pool/cases.ts'
import { reduceCases } from '../ops/reduce/cases.ts'
import { reshapeCases } from '../ops/reshape/cases.ts'
import { softmaxCases } from '../ops/softmax/cases.ts'
import { upsampledConv3dCases } from '../ops/upconv3d/cases.ts'
import { updatesCases } from '../ops/updates/cases.ts'
import { upsampleCases } from '../ops/upsample/cases.ts'
import { fusedCases } from './fused-cases.ts'

/** The cases of every op, by the folder that holds it. */
export const allCases: Readonly<Record<string, OpCases>> = {
  batchnorm: batchNormCases,
  broadcast: broadcastCases,
  channels: channelsCases,
  classes: classesCases,
  conv3d: conv3dCases,
  copy: copyCases,
  curves: curvesCases,
  dropout: dropoutCases,
  fusion: fusedCases,
  histogram: histogramCases,
  matmul: matmulCases,
  pointwise: pointwiseCases,
  pool: maxPoolCases,
  reduce: reduceCases,
  reshape: reshapeCases,
  softmax: softmaxCases,
  upconv3d: upsampledConv3dCases,
  updates: updatesCases,
  upsample: upsampleCases,
}
