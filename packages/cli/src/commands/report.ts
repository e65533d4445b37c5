import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { MissingInputError, OutputError } from '@voxnorm/data'
import { writeFileAtomically } from '@voxnorm/data/node'
import { readPredictionRecords, readRunRecords } from '@voxnorm/pipeline'
import { isPredictionFolder, openDiskSink } from '@voxnorm/pipeline/node'
import { predictionReport, runReport } from '@voxnorm/report'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'

/** `voxnorm report`: writes the HTML pages of run and prediction folders into these folders. */
export const report: Command = {
  name: 'report',
  summary: 'Writes a self-contained HTML page per run, or per predicted subject and group.',
  usage: 'report RUN_OR_OUT… [flags]',
  positionals: { name: 'RUN_OR_OUT', minimum: 1, maximum: Number.POSITIVE_INFINITY },
  flags: [],
  example: 'voxnorm report runs/first predictions',
  async run({ arguments: { positionals }, log }) {
    const written: string[] = []
    const write = (folder: string, name: string, html: string) => {
      const file = path.join(folder, name)
      writeFileAtomically(file, html)
      written.push(file)
    }
    for (const folder of positionals) {
      if (!existsSync(folder) || !statSync(folder).isDirectory()) {
        throw new MissingInputError('there is no such folder.', {
          file: folder,
          fix: 'give a run or prediction folder',
        })
      }
      if (existsSync(path.join(folder, 'config.resolved.yaml'))) {
        write(folder, 'report.html', runReport(await readRunRecords(openDiskSink(folder))))
      } else {
        const pages = predictionReport(await readPredictionRecords(openDiskSink(folder)))
        if (!isPredictionFolder(folder)) {
          throw new OutputError('voxnorm predict did not make this folder, so no pages are put into it.', {
            file: folder,
            fix: 'give the whole folder that voxnorm predict -o wrote, with its dataset_description.json',
          })
        }
        for (const { name, html } of pages.subjects) write(folder, `${name}.html`, html)
        write(folder, 'group.html', pages.group)
      }
      log.info('report', `wrote the report of ${folder}`)
    }
    return { exitCode: EXIT.done, document: { files: written }, text: written.join('\n') }
  },
}
