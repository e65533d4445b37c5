/** What `GeneratedBy` of a prediction folder's dataset_description.json says beside the name of the program. */
export const PREDICTION = 'voxnorm predict'

/** Where a BIDS dataset says what it is. */
export const DESCRIPTION = 'dataset_description.json'

/** The fields of a dataset_description.json that tell whose folder it describes. */
export interface FolderDescription {
  readonly Name?: unknown
  readonly DatasetType?: unknown
  readonly GeneratedBy?: unknown
}

/** Reads a dataset_description.json; undefined where there is none that can be read. */
export function parseDescription(text: string | undefined): FolderDescription | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether `predict` made the folder that a description is about. */
export function isMadeByPredict(description: FolderDescription | undefined): boolean {
  const makers = description?.GeneratedBy
  return Array.isArray(makers) && makers.some((maker) => maker?.Description === PREDICTION)
}
