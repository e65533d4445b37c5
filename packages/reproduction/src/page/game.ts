import { table } from '@voxnorm/report'
import type { GameRow } from '../results/game.ts'
import { note, number } from './cells.ts'

/** What each adversarial term makes of the first two sites, as the body of a section. */
export function gameBody(rows: readonly GameRow[]): string {
  const name = ({ term }: GameRow) => (term === 'none' ? 'no discriminator (λ = 0)' : term)
  const main = table(
    [
      'term',
      'mean Dice',
      'D on training patches (%)',
      'D on test patches (%)',
      'site classifier, raw',
      'normalised',
      'chance',
      'p raw',
      'p normalised',
      'structure index',
    ],
    rows.map((row) => [
      name(row),
      number(row.DSC.mean),
      number(row.accTrain, 1),
      number(row.accTest, 1),
      number(row.siteAccuracy.raw),
      number(row.siteAccuracy.normalized),
      number(row.chance),
      number(row.p.raw),
      number(row.p.normalized),
      number(row.structureIndex),
    ]),
  )
  const distances = table(
    ['term', 'measure', 'all', 'CSF', 'GM', 'WM'],
    rows.flatMap((row) =>
      (['jsd', 'wasserstein'] as const).map((measure) => [
        name(row),
        measure === 'jsd' ? 'JSD (nats), before → after' : 'Wasserstein, before → after',
        ...(['all', 'CSF', 'GM', 'WM'] as const).map(
          (region) => `${number(row[measure][region].raw)} → ${number(row[measure][region].normalized)}`,
        ),
      ]),
    ),
  )
  return (
    note(
      'The generator against the discriminator with different adversarial terms, on the first two sites. D: accuracy over real and generated patches. The site classifier had no part in the training; it guesses the site of patches of subjects that it has not seen, and p is that of a permutation test over subjects.',
    ) +
    main +
    `<h3>Distances between the sites</h3>${distances}`
  )
}
