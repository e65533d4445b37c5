import type { Log, OpenDevice } from '@voxnorm/pipeline'
import type { Arguments, CommandSyntax } from './command-line.ts'
import type { ExitCode } from './exit-codes.ts'

/** What a command is run with. */
export interface CommandInput {
  readonly arguments: Arguments
  readonly log: Log
  /** The words as typed after `voxnorm`, for records of what made an output. */
  readonly words: readonly string[]
  /** Opens the device that `--device` names; see device.ts. */
  readonly openDevice: (name: string | undefined) => Promise<OpenDevice>
}

/** What a command hands back; the program prints one of the two forms on stdout. */
export interface CommandResult {
  readonly exitCode: ExitCode
  /** For people; may be empty. */
  readonly text: string
  /** For `--json`. */
  readonly document: unknown
}

/** One verb of the command line. */
export interface Command extends CommandSyntax {
  run(input: CommandInput): Promise<CommandResult>
}
