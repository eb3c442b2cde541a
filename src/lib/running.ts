/** What the command line asks of `up`. A field that is left out was not given: the configuration or a default decides. */
export interface UpOptions {
  readonly cwd: string
  /** The configuration file, as typed. */
  readonly config?: string
  /** The watched folder, as typed. */
  readonly apps?: string
  readonly host?: string
  /** 0 takes a free port. */
  readonly port?: number
  readonly adminPort?: number
  readonly stateDir?: string
  readonly workers?: number | 'auto'
  /** One JSON object a line on stdout, also on a terminal. */
  readonly json: boolean
  /** Whether stdout gets colours. */
  readonly color: boolean
  /** What ends a fleet whose gateway has died, without its arguments; null: nobody does. */
  readonly guard: readonly string[] | null
  /** The command line that starts a gateway like this one, from the code that lies on the disk then; null: unknown. */
  readonly again: readonly string[] | null
  /** What an earlier gateway hands over: its listening sockets, and where they and the admin listener are. */
  readonly inherited: Inherited | null
  /** Called when this gateway may die without ending its apps, with the folder to leave word in for the next one. */
  readonly guarded: (folder: string) => void
  /** When the process started, in milliseconds since the epoch: the banner says how long it took. */
  readonly startedAt: number
}

/** Sockets that listen, as one process hands them to the next. */
export interface ListeningSockets {
  /** Those of one thread after those of another. */
  readonly descriptors: readonly number[]
  /** How many threads' they are, an equal number each. Undefined: one's, that nobody can listen beside. */
  readonly threads?: number | undefined
  readonly port: number
}

export interface Inherited extends ListeningSockets, Count {
  readonly adminPort: number
  /** The process that hands over. */
  readonly pid?: number | undefined
  /** Where what goes on is written down. Undefined: it comes from a version that does not tell. */
  readonly stateDir?: string | undefined
}

/** Where one process counts on from another, so that both mean the same by a run and by the id of its crash. */
export interface Count {
  /** Part of the ids of crashes. Undefined here and below: it comes from a version that does not tell. */
  readonly stamp?: string | undefined
  /** No run has had this number, and none a higher one. */
  readonly nextRun?: number | undefined
}

/** A gateway that is up. */
export interface Running {
  readonly url: string
  /** Null when there is no admin listener. */
  readonly adminUrl: string | null
  /** One phrase for each thing a shutdown still waits for: `clock (1 request, 12s)`. Empty when there is nothing. */
  waitingFor(): readonly string[]
  /** The ordered drain. Twice is harmless. */
  close(): Promise<void>
  /** Hands everything over to a new process of the code that lies on the disk now. When it cannot the log tells why. */
  upgrade(): Promise<void>
  /** Of the process that everything was handed over to, once that has ended; else null. */
  readonly heirCode: number | null
  /** Ends every child at once. */
  kill(): Promise<void>
  /** Resolves when everything is over, whoever asked for it. */
  readonly closed: Promise<void>
}
