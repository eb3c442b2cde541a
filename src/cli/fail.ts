import { StartError } from '../lib/start-error.ts'

/** What a command could not do, in one sentence; the code is the command's exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Tells on stderr why it ended, and answers with the exit code. A stack is shown only for what nobody foresaw. */
export function fail(error: unknown): number {
  if (error instanceof CommandError || error instanceof StartError) {
    process.stderr.write(`${error.message}\n`)
    return error.exitCode
  }
  process.stderr.write(
    `Quaymaster failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  return 1
}
