import type { Entry } from './journal.ts'
import type { Greeting } from './pretty.ts'

/** Makes lines of what happened, for a terminal or for a program. */
export interface Format {
  readonly listening: (facts: Listening) => readonly string[]
  readonly entry: (entry: Entry) => readonly string[]
  readonly lost: (lines: number) => string
}

/** What is said once, when the gateway listens. */
export interface Listening extends Greeting {
  readonly pid: number
  /** Where the token is kept; null when the operator configured tokens. */
  readonly tokenFile: string | null
}
