import type { CrashReport, SuspectStatus } from '../model/crash.ts'
import type { Journal, OutputLine } from '../observe/journal.ts'
import type { StatusDocument } from '../model/status.ts'

/** All that the operator's side needs from the rest; `main` gives it. */
export interface Control {
  status(): StatusDocument
  /** Resolves when the outcome is known: ready, stopped, or why not. Bounded in time by whoever implements it. */
  command(app: string, verb: Verb): Promise<Outcome>
  /** The versions that are kept of an app, the newest first; null when there is no such app. */
  versions(app: string): readonly KeptVersion[] | null
  /** Back to a version by the beginning of its name, or to the one before. Resolves as `command` does. */
  rollBack(app: string, version: string | null): Promise<Outcome>
  /** Puts bytes into the watched folder as `file`. Resolves as `command` does. */
  deploy(app: string, file: string, bytes: AsyncIterable<Uint8Array>): Promise<Outcome>
  /** Resolves when a new process is prepared to take over, which then begins; rejects with why not. */
  upgrade(): Promise<void>
  /** Begins the ordered drain and returns at once. */
  down(): void
  /** The newest lines, oldest first; of all apps in the order they were written when `app` is null. */
  output(app: string | null, last: number): readonly OutputLine[]
  /** Newest first; of all apps when `app` is null. */
  crashes(app: string | null): readonly CrashReport[]
  /** Requests that are tried alone or not at all now. */
  quarantine(app: string | null): readonly SuspectStatus[]
  /** Suspects no request of an app any more; false when none was. */
  clear(app: string): boolean
  /** To follow what happens from now on. */
  readonly journal: Journal
}

export interface KeptVersion {
  readonly version: string
  /** SHA-256 of its bytes, hex. */
  readonly digest: string
  readonly state: 'serving' | 'trial' | 'previous' | 'refused' | 'unproven'
  /** Why it was refused. */
  readonly reason: string | null
  /** Whether `rollback` goes to it when it is told no version. */
  readonly next: boolean
  readonly size: number
  /** ISO 8601. */
  readonly seen: string
}

export type Verb = 'start' | 'stop' | 'restart'

export const verbs: readonly Verb[] = ['start', 'stop', 'restart']

export type Outcome =
  | { readonly ok: true; readonly state: string }
  /** `known` is false when there is no such app. */
  | { readonly ok: false; readonly reason: string; readonly known: boolean }
