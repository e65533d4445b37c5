import {
  ConfigError,
  LABEL_CONVENTIONS,
  type LabelMap,
  type LabelSpecification,
  labelConvention,
} from '@voxnorm/data'
import { parse } from 'yaml'
import { labelMapSchema } from './config/schema.ts'

/**
 * Reads the name of a label convention, or a map such as `{CSF: 1, GM: [2, 4], WM: 3}`, from a flag. Throws ConfigError,
 * with what is known, for another word.
 */
export function labelsOfFlag(word: string): LabelSpecification {
  const name = LABEL_CONVENTIONS.find((one) => one === word)
  if (name !== undefined) return name
  const map = word.startsWith('{') ? mapIn(word) : undefined
  if (map === undefined) {
    throw new ConfigError(`there is no label convention "${word}".`, {
      fix: `use one of ${LABEL_CONVENTIONS.join(', ')}, or a map such as "{CSF: 1, GM: [2, 4], WM: 3}"`,
    })
  }
  labelConvention(map)
  return map
}

function mapIn(word: string): LabelMap | undefined {
  try {
    const { BG, ...tissues } = labelMapSchema.parse(parse(word))
    return { ...tissues, ...(BG === undefined ? {} : { BG }) }
  } catch {
    return undefined
  }
}
