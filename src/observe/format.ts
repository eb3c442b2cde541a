import type { Entry, ToldExchanges } from './journal.ts'
import type { Greeting } from './pretty.ts'

/** Makes lines of what happened, for a terminal or for a program. */
export interface Format {
  readonly listening: (facts: Listening) => readonly string[]
  readonly entry: (entry: Exclude<Entry, { type: 'exchanges' }>) => readonly string[]
  /** Of many exchanges, all of which are to be told: the lines in one piece, without the end of the last. */
  readonly exchanges: (told: ToldExchanges) => string
  readonly lost: (lines: number) => string
}

/** What is said once, when the gateway listens. */
export interface Listening extends Greeting {
  readonly pid: number
  /** Where the token is kept; null when the operator configured tokens. */
  readonly tokenFile: string | null
}
