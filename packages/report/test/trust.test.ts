import { type Shape3, STRUCTURE_LIMIT } from '@voxnorm/data'
import {
  makePreview,
  openMemorySink,
  type Preview,
  readPredictionRecords,
  type Structure,
  type Trust,
} from '@voxnorm/pipeline'
import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { findings } from '../src/findings.ts'
import { predictionReport } from '../src/prediction-report.ts'

const STRUCTURE: Structure = {
  modality: 'T1w',
  structureIndex: 0.99,
  ssim: 0.95,
  gradientCorrelation: 0.9,
  edgeF1: 0.92,
  seamIndex: 1.02,
}
const trust = (structure: Partial<Structure>, further: Partial<Trust> = {}): Trust => ({
  structure: { ...STRUCTURE, ...structure },
  classical: {
    dice: { CSF: 0.9, GM: 0.95, WM: 0.93 },
    volumeChange: { CSF: 1.5, GM: -2.5, WM: 0.5 },
    segmenterVolumes: { CSF: 0, GM: 1, WM: 2 },
  },
  likeness: { distance: 2, percentile: 40, nearestSite: 'north' },
  ...further,
})

/** A box of GM with a core of WM, of which a corner was made brighter. */
function preview(participant: string, judgement: Trust | undefined, split = 'test'): Preview {
  const shape: Shape3 = [12, 14, 10]
  const label = new Uint8Array(12 * 14 * 10)
  const changed = new Uint8Array(label.length)
  for (let voxel = 0; voxel < label.length; voxel++) {
    const [x, y, z] = [voxel % 12, Math.floor(voxel / 12) % 14, Math.floor(voxel / 168)]
    if (x > 0 && x < 11 && y > 0 && y < 13 && z > 0 && z < 9) label[voxel] = x > 3 && x < 8 && y > 4 ? 3 : 2
    changed[voxel] = label[voxel] === 2 && y < 3 ? 1 : 0
  }
  const raw = Float32Array.from(label, (value) => value / 4)
  return makePreview({
    participant,
    site: 'north',
    split,
    modality: 'T1w',
    shape,
    spacing: [1, 1, 1],
    raw,
    normalized: raw.map((value, voxel) => value + 0.2 * changed[voxel]!),
    rawRange: [0, 1],
    normalizedRange: [0, 1],
    mask: label.map((tissue) => (tissue > 0 ? 1 : 0)),
    predicted: label.map((tissue) => (tissue > 0 ? 1 : 0)),
    prediction: label,
    ...(judgement && {
      trust: judgement,
      residual: Float32Array.from(changed, (value) => 0.2 * value),
      changed,
    }),
  })
}

const told = (previews: readonly Preview[]) =>
  findings(previews).map(({ verdict, text }) => `${verdict}: ${text}`)

describe('findings', () => {
  it('says of good scans that they are good, with the range of the numbers', () => {
    const sentences = told([
      preview('a', trust({ structureIndex: 0.985 })),
      preview('b', trust({ structureIndex: 0.998, seamIndex: 1.05 })),
    ])
    expect(sentences).toEqual([
      expect.stringMatching(/^good: The structure of both scans is kept: structure index 0\.985 to 0\.998/),
      expect.stringMatching(/^good: A second, .* in both scans: .* at least 0\.90, volumes within 2\.5 %/),
      expect.stringMatching(/^good: No borders of windows show: seam index 1\.05 at most/),
      'good: The intensities of both scans are like those of the training scans.',
    ])
  })

  it('names the scans that are not, and why', () => {
    const previews = [
      preview('fine', trust({})),
      preview('invented', trust({ structureIndex: 0.72 })),
      preview('gridded', trust({ seamIndex: 1.4 })),
      preview('foreign', trust({}, { likeness: { distance: 9, percentile: 99, nearestSite: 'south' } })),
      preview(
        'thinned',
        trust(
          {},
          {
            classical: { ...trust({}).classical, volumeChange: { CSF: 3, GM: -14, WM: 4 } },
          },
        ),
      ),
    ]
    const sentences = told(previews)
    expect(sentences).toContainEqual(expect.stringMatching(/^good: The structure of 4 of 5 scans is kept/))
    expect(sentences).toContainEqual(
      expect.stringMatching(
        /^doubt: invented: the structure is not kept \(structure index 0\.720\)\. In 28 % of the brain .* outlined places/,
      ),
    )
    expect(sentences).toContainEqual(
      expect.stringMatching(/^doubt: A grid shows in 1 of 5 scans .* steps there 1\.40 times as much/),
    )
    expect(sentences).toContainEqual(
      expect.stringMatching(/^doubt: foreign: .* 99 % of them are more usual\. .* site is south/),
    )
    expect(sentences).toContainEqual(expect.stringMatching(/^doubt: thinned: .* GM loses 14 % of its volume/))
    expect(sentences.filter((sentence) => sentence.startsWith('doubt'))).toHaveLength(4)
  })

  it('calls a grid faint only where it is', () => {
    const grids = (...indices: number[]) =>
      told(indices.map((seamIndex, index) => preview(`s${index}`, trust({ seamIndex })))).filter((sentence) =>
        / grid /.test(sentence),
      )
    expect(grids(1.02, 1.149)).toEqual([])
    expect(grids(1.17, 1.02)).toEqual([
      expect.stringMatching(/^doubt: A faint grid shows in 1 of 2 scans .* seam index 1\.17,/),
    ])
    expect(grids(1.2, 1.9, 1.199)).toEqual([
      expect.stringMatching(/^doubt: A grid shows in 2 of 3 scans .* 1\.20 to 1\.90 times/),
      expect.stringMatching(/^doubt: A faint grid shows in 1 of 3 scans/),
    ])
  })

  it('says of an only scan what it is, and which modality is doubtful', () => {
    const [first] = told([preview('x', trust({}))])
    expect(first).toContain('The structure of this scan is kept: structure index 0.990,')
    const [second] = told([preview('x', trust({ structureIndex: 0.9, modality: 'T2w' }))])
    expect(second).toMatch(/^doubt: The structure is not kept/)
    expect(second).toContain('In 10 % of the brain the normalised T2w shows')
  })

  it('counts scans from three on', () => {
    const previews = ['a', 'b', 'c'].map((name) => preview(name, trust({})))
    expect(told(previews)[0]).toContain('The structure of all 3 scans is kept: structure index 0.990,')
  })

  it('does not name a crowd one by one', () => {
    const crowd = Array.from({ length: 12 }, (_, index) =>
      preview(`s${index}`, trust({ structureIndex: STRUCTURE_LIMIT / 2 })),
    )
    const doubts = told(crowd).filter((sentence) => sentence.startsWith('doubt'))
    expect(doubts).toHaveLength(9)
    expect(doubts.at(-1)).toBe('doubt: The same holds for s8, s9, s10, s11.')
  })

  it('says what it cannot say', () => {
    const { structure: _, ...bare } = trust({})
    const raw = { ...bare, classical: { segmenterVolumes: bare.classical.segmenterVolumes } }
    expect(told([preview('a', raw)])[0]).toMatch(/^unknown: Nothing was normalised here/)
    const { likeness: __, ...forgetful } = trust({})
    expect(told([preview('a', forgetful)]).at(-1)).toMatch(/^unknown: Whether these scans look like/)
    expect(told([preview('a', forgetful, 'validation')]).at(-1)).not.toContain('unknown')
    expect(told([preview('a', undefined)])).toEqual([expect.stringMatching(/^unknown: .* Predict again/)])
    expect(told([preview('a', undefined), preview('b', trust({}))]).at(-1)).toContain('1 of the scans')
  })
})

describe('pages of predictions', () => {
  /** The pages of a folder with these previews. */
  const pagesOf = async (previews: readonly Preview[], failures?: string) => {
    const sink = openMemorySink('out')
    for (const one of previews) await sink.write(`figures/${one.participant}.json`, JSON.stringify(one))
    if (failures !== undefined) await sink.write('failures.tsv', failures)
    return predictionReport(await readPredictionRecords(sink))
  }

  it('begin with the findings, mark the changed places, and keep the numbers at hand', async () => {
    const previews = [preview('good', trust({})), preview('bad', trust({ structureIndex: 0.8 }))]
    const { group, subjects } = await pagesOf(
      previews,
      'participant_id\tcode\tmessage\nlost\t65\tit is <cut>\n',
    )
    const { document } = parseHTML(group)
    expect(document.querySelector('section')!.id).toBe('trust')
    const items = [...document.querySelectorAll('#trust li')].map(({ className, textContent }) => [
      className,
      textContent,
    ])
    expect(items[0]).toEqual(['doubt', '!lost has no prediction: it is <cut>'])
    expect(items).toContainEqual(['doubt', expect.stringContaining('bad: the structure is not kept')])
    const cells = [...document.querySelectorAll('#trust tbody tr')].map((row) =>
      [...row.querySelectorAll('td')].map(({ textContent }) => textContent),
    )
    expect(cells).toEqual([
      ['bad', '0.800', '0.950', '0.920', '1.02', '0.900', '-2.5 %', '40 %', 'north'],
      ['good', '0.990', '0.950', '0.920', '1.02', '0.900', '-2.5 %', '40 %', 'north'],
    ])
    expect(document.querySelectorAll('#slices [stroke="var(--changed)"]')).toHaveLength(2 * 3)
    const own = parseHTML(subjects.find(({ name }) => name === 'bad')!.html).document
    expect(own.querySelector('#trust')!.textContent).toContain('structure index0.8')
  })

  it('move the curves from before to after without a script', async () => {
    const { group } = await pagesOf([preview('a', trust({}))])
    const { document } = parseHTML(group)
    expect(document.querySelectorAll('script')).toHaveLength(0)
    expect([...document.querySelectorAll('input[type=radio]')].map(({ id }) => id)).toEqual([
      'stage-before',
      'stage-after',
    ])
    const paths = [...document.querySelectorAll('.moving path[style]')]
    expect(paths).toHaveLength(3 * 2)
    const forms = paths.map((one) => {
      const style = one.getAttribute('style')!
      return /^--from:path\("([^"]+)"\);--to:path\("([^"]+)"\)$/.exec(style)!.slice(1)
    })
    // A curve can only move to another of the same commands.
    for (const [from, to] of forms) {
      expect(to!.replaceAll(/[^A-Z]/g, '')).toBe(from!.replaceAll(/[^A-Z]/g, ''))
    }
    expect(forms.some(([from, to]) => from !== to)).toBe(true)
  })

  it('show before and after below each other where their units differ', async () => {
    const scored = { ...preview('a', trust({})), rawRange: [-4, 4] as const }
    const { document } = parseHTML((await pagesOf([scored])).group)
    expect(document.querySelectorAll('#histograms svg')).toHaveLength(6)
    expect(document.querySelectorAll('#histograms input')).toHaveLength(0)
    expect(document.querySelectorAll('#histograms .still')).toHaveLength(0)
  })

  it('still show previews that were made before predictions were judged', async () => {
    const { document } = parseHTML((await pagesOf([preview('a', undefined)])).group)
    const captions = [...document.querySelectorAll('#slices figcaption')].map((one) => one.textContent)
    expect(captions.slice(0, 3)).toEqual(['input', 'normalised', 'segmentation'])
    expect(document.querySelector('#trust')!.textContent).toContain('Predict again')
  })
})
