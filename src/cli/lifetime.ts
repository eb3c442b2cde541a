import type { Running } from '../lib/running.ts'

export interface Lifetime {
  /** `guarded`: see `UpOptions`. */
  readonly start: (guarded: (folder: string) => void) => Promise<Running>
  /** Where signals come from and what knows its parent. */
  readonly process: NodeJS.EventEmitter & { readonly ppid: number }
  /** One line for the operator. */
  readonly say: (line: string) => void
  /** Tells why something failed and answers with the exit code. */
  readonly fail: (error: unknown) => number
  /** Writes down, in the folder, what nobody foresaw, and ends the process with that code at once. */
  readonly die: (error: unknown, folder: string, code: number) => void
  /** PID of what started us and may die without a word, such as npm: then we have to end, too. Null: nobody such. */
  readonly parent: number | null
  /** Whether SIGHUP ends the gateway. Under nohup it is heard all the same: unheard, it would end the process. */
  readonly heedsHangup: boolean
  /** Default: 1 s, both for the debounce and between two words on what is waited for. */
  readonly second?: number
}

/**
 * From the start to the end of a gateway: the first signal begins the ordered drain, a second Ctrl-C ends everything at
 * once. Resolves with the exit code when nothing is left.
 */
export async function liveUntilStopped(lifetime: Lifetime): Promise<number> {
  const { process, say, parent } = lifetime
  const second = lifetime.second ?? 1_000
  const { promise: ended, resolve: end } = Promise.withResolvers<number>()
  let running: Running | null = null
  let bequest: string | null = null
  let firstAt: number | null = null
  let forced: number | null = null
  let telling: NodeJS.Timeout | null = null
  let late: NodeJS.Timeout | null = null

  const close = (gateway: Running): void => {
    telling ??= setInterval(() => {
      const waiting = gateway.waitingFor()
      if (waiting.length > 0) say(`waiting for: ${waiting.join(', ')}`)
    }, second)
    gateway.close().then(
      () => end(forced ?? gateway.heirCode ?? 0),
      (error: unknown) => end(lifetime.fail(error)),
    )
  }
  const kill = (gateway: Running, code: number): void => {
    const over = (): void => end(code)
    gateway.kill().then(over, over)
  }
  const force = (code: number): void => {
    if (forced !== null) return
    forced = code
    // What SIGKILL does not end, and a start that does not come to its end, are not waited for.
    late = setTimeout(() => end(code), 5 * second)
    if (running) kill(running, code)
  }
  const stop = (): void => {
    if (firstAt !== null) return
    firstAt = performance.now()
    if (running) close(running)
  }
  // npm and a shell deliver one Ctrl-C twice within milliseconds; only a later one is a person's second.
  const interrupt = (): void => {
    if (firstAt === null) {
      say('Stopping. Ctrl-C once more ends everything at once.')
      stop()
    } else if (performance.now() - firstAt >= second) force(130)
  }
  // What nobody foresaw leaves everything in doubt. The apps are not to blame: the next gateway goes on with them, or the
  // guardian ends them. Without one, no child may outlive us.
  const crash = (error: unknown): void => {
    const code = lifetime.fail(error)
    if (bequest !== null && firstAt === null) lifetime.die(error, bequest, code)
    else force(code)
  }
  const listeners = [
    ['SIGINT', interrupt],
    ['SIGTERM', stop],
    ['SIGHUP', lifetime.heedsHangup ? stop : () => undefined],
    ['SIGQUIT', stop],
    ['SIGUSR2', () => void running?.upgrade()],
    ['uncaughtException', crash],
    ['unhandledRejection', crash],
  ] as const
  for (const [event, listener] of listeners) process.on(event, listener)
  const watch = parent === null ? null : setInterval(() => process.ppid !== parent && stop(), second / 2)
  try {
    lifetime
      .start((folder) => (bequest = folder))
      .then(
        (gateway) => {
          running = gateway
          // `quaymaster down` ends it without a signal.
          void gateway.closed.then(() => end(forced ?? gateway.heirCode ?? 0))
          if (forced !== null) kill(gateway, forced)
          else if (firstAt !== null) close(gateway)
          return undefined
        },
        (error: unknown) => end(lifetime.fail(error)),
      )
    return await ended
  } finally {
    for (const [event, listener] of listeners) process.off(event, listener)
    if (watch) clearInterval(watch)
    if (telling) clearInterval(telling)
    if (late) clearTimeout(late)
  }
}
