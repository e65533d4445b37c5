import { ConfigError } from '@voxnorm/data'
import {
  add,
  affine,
  logSumExp,
  mean,
  negate,
  oneHot,
  sliceChannels,
  softmax,
  sub,
  type Tensor,
} from '@voxnorm/tensor'
import { classMask, crossEntropyOf, EXCLUDED, maskedLogProbability } from './losses.ts'

/** What the generator minimizes besides the segmentation loss, before it is multiplied by λ. */
export interface AdversarialTerm {
  /**
   * Of D's `logits` for generated patches; `sites [N]` (u32) are the domains of the patches. The logits are `[N, K+1]`, and
   * class K, the last, means "generated"; or, with `generatedSites`, `[N, 2K]` with a last class for each site.
   */
  readonly loss: (logits: Tensor, sites: Tensor) => Tensor
  /** Needs a D that tells which site a generated patch came from. */
  readonly generatedSites?: boolean
  /** Says nothing where there is one site alone. */
  readonly twoSites?: boolean
}

/** Terms by their names in configs. */
export type AdversarialTerms = Readonly<Record<string, AdversarialTerm>>

/** The terms (docs/method.md#adversarial-terms) that there are; another one is a row here. */
export const ADVERSARIAL_TERMS = {
  minimax: { loss: (logits) => negate(crossEntropyOf(logits, generatedOf(logits))) },
  'non-saturating': {
    loss: (logits) => negate(mean(maskedLogProbability(logits, classMask(logits, isSite(logits))))),
  },
  /** With K = 2, the authors' swap loss. */
  others: {
    twoSites: true,
    loss: (logits, sites) => {
      const classes = logits.shape[1]!
      const others = add(classMask(logits, isSite(logits)), affine(oneHot(sites, classes), -EXCLUDED, 0))
      return negate(mean(maskedLogProbability(logits, others)))
    },
  },
  isbi: { loss: (logits) => crossEntropyOf(affine(softmax(logits), -1, 1), generatedOf(logits)) },
  confusion: { twoSites: true, generatedSites: true, loss: confusion },
  alike: { twoSites: true, generatedSites: true, loss: (logits) => mean(divergenceOf(logits)) },
} as const satisfies AdversarialTerms

export type AdversarialTermName = keyof typeof ADVERSARIAL_TERMS

/** The term of that name. Throws ConfigError where `from` has none. */
export function adversarialTerm(name: string, from: AdversarialTerms = ADVERSARIAL_TERMS): AdversarialTerm {
  if (Object.hasOwn(from, name)) return from[name]!
  throw new ConfigError(`There is no adversarial term "${name}".`, {
    fix: `use ${Object.keys(from).join(', ')}`,
  })
}

const generatedOf = (logits: Tensor): number => logits.shape[1]! - 1

const isSite = (logits: Tensor) => (index: number) => index !== generatedOf(logits)

/**
 * Asks for patches that look real and do not tell which site they were generated from. The terms of the paper ask for
 * the first alone, which the identity fulfils already: D never learns where a generated patch comes from
 * (docs/method.md#the-optimum-of-the-game). Here it does, in classes K + z, and with q its posterior over these classes
 * the term is
 *
 *   −log Σ_{z<K} p_z  +  KL(u ‖ q),  u uniform over the sites,  KL(u ‖ q) = −(1/K) Σ_z log q_z − ln K.
 *
 * For the best D, q_z is the share of site z among the generated patches that look like this one. With equal quotas of
 * the sites the second part is therefore 0, its least value, exactly when the generated patches of all sites have one
 * distribution. The first part is the non-saturating one: where D is certain of a generated patch, minimax would leave
 * G with the second part alone, which any image without content satisfies; and both parts are bounded below by 0.
 */
function confusion(logits: Tensor): Tensor {
  const real = sliceChannels(logits, 0, logits.shape[1]! / 2)
  const unreal = sub(logSumExp(logits), logSumExp(real))
  return mean(add(unreal, divergenceOf(logits)))
}

/**
 * `[N]`: KL(u ‖ q), the second part of the term `confusion`. Alone it is the term `alike`, for a generator that can draw
 * nothing and so need not be told to look real.
 */
function divergenceOf(logits: Tensor): Tensor {
  const sites = logits.shape[1]! / 2
  const generated = sliceChannels(logits, sites, sites)
  return affine(sub(logSumExp(generated), mean(generated, [1])), 1, -Math.log(sites))
}
