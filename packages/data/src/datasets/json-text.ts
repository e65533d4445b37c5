import { DataError } from '../errors.ts'

type JsonObject = Readonly<Record<string, unknown>>

/**
 * Reads the text of a JSON file that should hold an object.
 *
 * A byte-order mark is passed over. `inf`, `Infinity` and `NaN`, which JSON has no words for but dcm2niix and Python
 * write, become null. Throws DataError for everything else that is not JSON, and for JSON that is no object.
 */
export function parseJsonObject(text: string, file: string): JsonObject {
  const json = parseLeniently(text.replace(/^\uFEFF/, ''), file)
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonObject
  throw new DataError('The file does not hold a JSON object.', { file })
}

function parseLeniently(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const repaired = text.replace(/"(?:[^"\\]|\\.)*"|[-+]?\b(?:infinity|inf|nan)\b/gi, (token) =>
      token.startsWith('"') ? token : 'null',
    )
    try {
      return JSON.parse(repaired)
    } catch {
      throw new DataError('The file is not valid JSON.', { file, cause })
    }
  }
}
