import { InputOutputError, OutputError, VoxnormError } from '@voxnorm/data'
import type { Judge } from '../src/failures.ts'
import type { Log } from '../src/log.ts'
import { StoppedError } from '../src/stop.ts'

/** A log that gives its warnings and errors to `write`, each a line, and with `chatty` everything. */
export function openTestLog(write: (line: string) => void = () => {}, chatty = false): Log {
  const say = (level: string) => (_event: string, message: string) => write(`${level} ${message}\n`)
  return {
    info: chatty ? say('INFO') : () => {},
    warning: say('WARNING'),
    error: say('ERROR'),
    progress: ({ what, done, total }) => {
      if (chatty) write(`INFO ${what} ${done}/${total}\n`)
    },
    endProgress() {},
    copyTo() {},
  }
}

const CODES: Readonly<Record<string, number>> = { data: 65, 'missing-input': 66, stopped: 75 }

/** Words errors of ours by their text; what would end every other input ends all. */
export const judge: Judge = (error) => ({
  code: (error instanceof VoxnormError && CODES[error.kind]) || 1,
  message: (error as Error).message.replaceAll(/\s*\n\s*/g, ' '),
  endsAll: [InputOutputError, OutputError, StoppedError].some((kind) => error instanceof kind),
})
