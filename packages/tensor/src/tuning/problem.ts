import { exactKey, identities } from '../graph/exact-key.ts'
import { describeSpec } from '../graph/spec.ts'
import type { Tensor } from '../graph/tensor.ts'
import { chooseKernel, waysOf } from '../plan/choose.ts'
import type { Capabilities } from '../runtime/capabilities.ts'

/** Whether it is worth measuring how to compute a node: ops whose kernels have tunables are where the time goes. */
export const isTunable = ({ op }: Tensor): boolean =>
  op.kernels.some(({ variants }) => variants !== undefined)

/** What a node computes at which size, in a line: nodes of the same problem have the same best way. */
export const problemOf = ({ op, inputs, spec, params }: Tensor): string =>
  [
    op.name,
    ...inputs.map((input) => describeSpec(input.spec)),
    '→',
    describeSpec(spec),
    exactKey(params, identities()),
  ].join(' ')

/** The way to compute a node that the kernels' own rules choose. */
export const ruleOf = (tensor: Tensor, device: Capabilities): string =>
  chooseKernel(tensor, device, {}, tensor.op.name).name

/**
 * A short hash of everything that the ways to compute a node consist of: kernel texts, tunables, grids. A measurement is
 * out of date once a kernel was added or changed, and this tells.
 */
export function fingerprintOf(tensor: Tensor, device: Capabilities): string {
  const { op, inputs, spec, params } = tensor
  const specs = inputs.map((input) => input.spec)
  const programs = waysOf(tensor, device).map((way) => [
    way,
    chooseKernel(tensor, device, { [op.name]: way }, 'fingerprint').program(specs, spec, params, device),
  ])
  return hashOf(exactKey(programs, identities()))
}

/** FNV-1a of 32 bits (Fowler, Noll and Vo), in hexadecimal: enough to notice a change, nothing more. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, '0')
}
