import type { Subject } from '../datasets/dataset.ts'
import { type LoadOptions, loadSubjectWith } from '../load-subject.ts'
import type { PreparedSubject } from '../prepare-subject.ts'
import { readVolumeFile } from './files.ts'

/**
 * Reads the files of a subject from disk and prepares them for the networks; see `prepareSubject`.
 *
 * Throws MissingInputError for a file that cannot be opened and DataError for one that cannot be used.
 */
export function loadSubject(subject: Subject, options: LoadOptions): Promise<PreparedSubject> {
  return loadSubjectWith(readVolumeFile, subject, options)
}
