import { STRUCTURE_LIMIT } from '@voxnorm/data'
import { collapseSentence } from '@voxnorm/report'
import type { Results } from './results.ts'

/** Whether something came out as in the paper, in a sentence with the numbers. */
export interface Finding {
  readonly experiment: string
  /** `follows` or `differs` from what the paper says; `noted` where the paper says nothing. */
  readonly verdict: 'follows' | 'differs' | 'noted'
  readonly sentence: string
}

/** Within this much Dice two methods count as equal: about the noise of a seed at small scales. */
const ABOUT_EQUAL = 0.02

/** What a few hundred patches leave open of an accuracy in percent. */
const ACCURACY_NOISE = 2

/** Compares the directions that the paper reports with those of the results. */
export function findings(results: Results): Finding[] {
  return [
    ...transfer(results),
    ...methods(results),
    ...divergence(results),
    ...modalities(results),
    ...biasFields(results),
    ...lambdas(results),
    ...game(results),
    ...trust(results),
  ]
}

const verdict = (holds: boolean) => (holds ? 'follows' : 'differs')
const three = (value: number) => value.toFixed(3)
const isLow = (structureIndex: number) => structureIndex < STRUCTURE_LIMIT

function transfer({ table2 }: Results): Finding[] {
  const home = table2.filter(({ train, test }) => train === test)
  return home.flatMap(({ train, mean }) => {
    const abroad = table2.filter((row) => row.train === train && row.test !== train)
    if (abroad.length === 0) return []
    const drops = abroad.map((row) => `${row.test} ${three(row.mean)}`).join(', ')
    const worst = Math.min(...abroad.map((row) => row.mean))
    return [
      {
        experiment: 'table2',
        verdict: verdict(abroad.every((row) => row.mean < mean)),
        sentence: `A segmenter that learnt from ${train} alone has a mean Dice of ${three(mean)} there and elsewhere: ${drops}; at worst a loss of ${percent(1 - worst / mean)}. In the paper 51 % and 62 % were lost.`,
      },
    ]
  })
}

function methods({ table3 }: Results): Finding[] {
  return (['dual', 'multi'] as const).flatMap((setting) => {
    const of = (method: string) =>
      table3.find((row) => row.setting === setting && row.method === method)?.DSC.mean
    const [standardization, preprocessor, ours] = ['standardization', 'preprocessor', 'ours'].map(of)
    if (standardization === undefined || preprocessor === undefined || ours === undefined) return []
    const ahead = standardization < Math.min(preprocessor, ours)
    const equal = Math.abs(preprocessor - ours) <= ABOUT_EQUAL
    return [
      {
        experiment: 'table3',
        verdict: verdict(ahead),
        sentence: `${settingName(setting)}: standardization ${three(standardization)}, Pre-processor ${three(preprocessor)}, ours ${three(ours)} mean Dice. In the paper both generators are ahead of standardization.`,
      },
      {
        experiment: 'table3',
        verdict: verdict(equal),
        sentence: `${settingName(setting)}: the Pre-processor and ours are ${three(Math.abs(preprocessor - ours))} apart (equal within ${ABOUT_EQUAL} in the paper).`,
      },
    ]
  })
}

function divergence({ table4 }: Results): Finding[] {
  return table4.map(({ setting, input, preprocessor, ours, bound, structureIndex }): Finding => {
    const experiment = 'table4'
    if (Object.values(structureIndex).some(isLow)) {
      return {
        experiment,
        verdict: 'noted',
        sentence: `${settingName(setting)}: the normalised images do not keep the structure (structure index ${three(structureIndex.preprocessor)} with the Pre-processor, ${three(structureIndex.ours)} with ours, kept from ${STRUCTURE_LIMIT} on), so a divergence of the sites' intensities that falls is no success.`,
      }
    }
    return {
      experiment,
      verdict: verdict(ours < input),
      sentence: `${settingName(setting)}: the divergence of the sites' intensities goes from ${three(input)} to ${three(preprocessor)} with the Pre-processor and to ${three(ours)} with ours (at most ${three(bound)}).`,
    }
  })
}

function modalities({ table5 }: Results): Finding[] {
  const [one, two] = table5
  if (one === undefined || two === undefined) return []
  return [
    {
      experiment: 'table5',
      verdict: verdict(two.DSC.mean > one.DSC.mean),
      sentence: `${one.modality.join(' + ')} alone ${three(one.DSC.mean)}, ${two.modality.join(' + ')} ${three(two.DSC.mean)} mean Dice. In the paper the second modality adds 0.020.`,
    },
  ]
}

function biasFields({ table6 }: Results): Finding[] {
  const degraded = table6.filter(({ alpha, normalized }) => alpha > 0 && !Number.isNaN(normalized))
  if (degraded.length === 0) return []
  const failed = degraded.filter((row) => Math.abs(row.normalized) >= Math.abs(row.degraded))
  const last = degraded.filter(({ alpha }) => alpha === Math.max(...degraded.map((row) => row.alpha)))
  const strongest = last
    .map((row) => `${row.site} ${three(row.degraded)} → ${three(row.normalized)}`)
    .join(', ')
  const rest =
    failed.length === 0
      ? 'It falls for every slope and site, as in the paper.'
      : `It does not fall for ${failed.map(({ site, alpha }) => `${site} at α = ${alpha}`).join(', ')}.`
  return [
    {
      experiment: 'table6',
      verdict: verdict(failed.length === 0),
      sentence: `Correlation of intensity and position under the strongest bias field: ${strongest}. ${rest}`,
    },
  ]
}

function lambdas({ table7 }: Results): Finding[] {
  if (table7.length < 2) return []
  const falls = (values: readonly number[]) =>
    values.every((value, index) => index === 0 || value <= values[index - 1]!)
  const list = (values: readonly string[]) => values.join(' → ')
  const dice = table7.map(({ meanDSC }) => meanDSC)
  return [
    {
      experiment: 'table7',
      verdict: verdict(falls(dice)),
      sentence: `As λ rises (${list(table7.map(({ lambda }) => String(lambda)))}), the mean Dice goes ${list(dice.map(three))}; in the paper it falls.`,
    },
    ...(['accTrain', 'accTest'] as const).map((key): Finding => {
      const values = table7.map((row) => row[key])
      const lost = values[0]! - values.at(-1)!
      const split = key === 'accTrain' ? 'train' : 'test'
      const collapsed = table7.flatMap(({ lambda, collapsed }) => {
        const takenFor = collapsed[split]?.takenFor
        return takenFor === undefined ? [] : [`λ = ${lambda} (all taken for ${takenFor})`]
      })
      const collapse =
        collapsed.length === 0
          ? ''
          : ` It has collapsed at ${collapsed.join(', ')}: its accuracy there is what that one answer gives.`
      return {
        experiment: 'table7',
        verdict: verdict(falls(values) && lost > ACCURACY_NOISE),
        sentence: `The discriminator's accuracy on ${key === 'accTrain' ? 'training' : 'test'} patches goes ${list(values.map((value) => `${value.toFixed(1)} %`))}; in the paper it falls.${collapse}`,
      }
    }),
  ]
}

function game({ game: rows }: Results): Finding[] {
  return rows.map(({ term, siteAccuracy, chance, p, jsd, DSC, structureIndex, collapsed }) => {
    const sites = `an independent classifier names the site of a patch with a balanced accuracy of ${three(siteAccuracy.raw)} before and ${three(siteAccuracy.normalized)} after (chance ${three(chance)}, p = ${three(p.normalized)})`
    const closeness = isLow(structureIndex)
      ? `the structure is not kept (structure index ${three(structureIndex)}), so how close the histograms come says nothing`
      : `divergence ${three(jsd.all.raw)} → ${three(jsd.all.normalized)}`
    const collapse = collapsed === undefined ? '' : ` ${collapseSentence(collapsed, 'test patches')}`
    return {
      experiment: 'game',
      verdict: 'noted',
      sentence: `${term === 'none' ? 'Without discriminator' : `Term ${term}`}: ${sites}; ${closeness}; mean Dice ${three(DSC.mean)}.${collapse}`,
    }
  })
}

function trust({ trust: rows }: Results): Finding[] {
  const index = rows.filter(({ measure }) => measure === 'structure index')
  if (index.length === 0) return []
  const low = index.filter(({ value }) => isLow(value))
  const numbers = index.map(({ site, value }) => `${site} ${three(value)}`).join(', ')
  const judged =
    low.length === 0
      ? `at every site it is above ${STRUCTURE_LIMIT}, the limit of predict --strict`
      : `at ${low.map(({ site }) => site).join(', ')} it is below ${STRUCTURE_LIMIT}: predict --strict would refuse such images`
  return [
    {
      experiment: 'trust',
      verdict: 'noted',
      sentence: `Structure index of the normalised images: ${numbers}; ${judged}.`,
    },
  ]
}

const percent = (share: number) => `${Math.round(100 * share)} %`
const settingName = (setting: 'dual' | 'multi') => (setting === 'dual' ? 'Two sites' : 'All sites')
