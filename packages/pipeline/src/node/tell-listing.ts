import type { Log } from '../log.ts'

/** The first line comes after so many folders, further ones in time. */
const FIRST_AT = 1000
const PERIOD_MS = 10_000

/** A listener that says how far the listing of a large folder is. */
export function tellListing(log: Log, place: string): (folders: number, files: number) => void {
  let last: number | undefined
  return (folders, files) => {
    if (folders < FIRST_AT || (last !== undefined && Date.now() - last < PERIOD_MS)) return
    last = Date.now()
    log.info('listing', `listing ${place}: ${folders} folders with ${files} files so far`, { folders, files })
  }
}
