import type { Running } from '../lib/running.ts'
import { openSuccession, type SuccessionOptions } from './succession.ts'

export interface RunningOptions extends Pick<
  SuccessionOptions,
  'abandon' | 'again' | 'checkRoll' | 'guarded' | 'inherited' | 'kin' | 'letGo' | 'notice'
> {
  /** Everything that was opened; disposed of when it is over. */
  readonly parts: AsyncDisposable
  readonly gateway: {
    readonly url: string
    stopAccepting(): Promise<void>
    leave(): Promise<void>
  }
  readonly kin: SuccessionOptions['kin'] & { closed(): Promise<void> }
  readonly adminUrl: string | null
  readonly waitingFor: () => readonly string[]
  /** Sends every instance SIGKILL. */
  readonly killAll: () => void
}

/** `succeed` is `upgrade` for somebody who waits for an answer: rejects with why there is no new process. */
export type Governed = Running & { succeed(): Promise<void> }

/** How a gateway that is up ends: by an ordered drain, by force, or by another process that goes on. */
export function openRunning(options: RunningOptions): Governed {
  const { parts, gateway, kin, adminUrl, waitingFor, killAll } = options
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let closing: Promise<void> | null = null
  let heirCode: number | null = null
  const succession = openSuccession({
    ...options,
    leave: async () => {
      await gateway.leave()
      await parts[Symbol.asyncDispose]()
      await kin.closed()
    },
    over: (code) => {
      heirCode = code
      // It may have ended while we were still about to leave.
      void Promise.resolve(parts[Symbol.asyncDispose]()).finally(resolve)
    },
  })
  const close = async (): Promise<void> => {
    try {
      await gateway.stopAccepting()
      await parts[Symbol.asyncDispose]()
    } finally {
      resolve()
    }
  }
  const running: Governed = {
    url: gateway.url,
    adminUrl,
    waitingFor,
    upgrade: () => succession.tryUpgrade(),
    succeed: () => succession.upgrade(),
    get heirCode() {
      return heirCode
    },
    close: () => (closing ??= succession.close() ?? close()),
    kill: async () => {
      killAll()
      const over = running.close()
      succession.kill()
      await over
    },
    closed,
  }
  return running
}
