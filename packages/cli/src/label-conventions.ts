import { ConfigError, LABEL_CONVENTIONS, type LabelConventionName } from '@voxnorm/data'

/** Reads the name of a label convention from a flag. Throws ConfigError, with the known names, for another word. */
export function conventionName(name: string): LabelConventionName {
  const known = LABEL_CONVENTIONS.find((one) => one === name)
  if (known !== undefined) return known
  throw new ConfigError(`there is no label convention "${name}".`, {
    fix: `use one of ${LABEL_CONVENTIONS.join(', ')}`,
  })
}
