import { setTimeout as delay } from 'node:timers/promises'
import type { AppSettings } from '../model/settings.ts'
import type { Adoptee, Event } from '../model/protocol.ts'
import { type Left, versionAt } from '../supervisor/left.ts'
import type { IntakeEvent } from '../supervisor/register.ts'

export interface Adoption {
  /** Passes on what the intake tells; before its first word about an app, what is left of that app is handed over. */
  tell(event: IntakeEvent): void
  /** The intake has seen everything there is: apps of which it did not tell have left, and what runs of them ends. */
  finish(settingsFor: (app: string) => AppSettings): void
  /**
   * Resolves when the intake has seen everything and of each app that was left it is known what becomes of it, or when
   * that takes too long; but not before each that was left has been heard of at all, since until then it has no route
   * and its clients would be told that there is no such app.
   */
  readonly settled: Promise<void>
}

/** How long clients wait for the decision, and for the first word (milliseconds). A busy machine may take 20 s to look. */
const longest = 1_000
const longestUnheard = 30_000

/** Stands between intake and supervisor until everything that an earlier gateway left has found its app. */
export function openAdoption(left: Left, url: string, send: (event: Event) => void): Adoption {
  const waiting = new Map<string, readonly Adoptee[]>()
  const off = new Set(left.off)
  for (const app of off) waiting.set(app, [])
  const byApp = Map.groupBy(
    [...left.adoptable].sort((a, b) => a.run - b.run),
    (one) => one.app,
  )
  for (const [app, ones] of byApp) {
    const instances = ones.map(({ run, pid, port, address, born, ending, told, launch }): Adoptee => {
      const since = ending ? told : null
      return { run, pid, port, address, born, told: since, launch: versionAt(left, launch, url) }
    })
    waiting.set(app, instances)
  }
  const [unheard, undecided] = [new Set(byApp.keys()), new Set(byApp.keys())]
  const [heard, decided, finished] = [latch(), latch(), latch()]
  const count = (app: string | null, isDecided: boolean): void => {
    if (app !== null) unheard.delete(app)
    if (app !== null && isDecided) undecided.delete(app)
    if (unheard.size === 0) heard.resolve()
    if (undecided.size === 0) decided.resolve()
  }
  const handOver = (app: string, settings: AppSettings): void => {
    const instances = waiting.get(app)
    if (!waiting.delete(app) || !instances) return
    send({ type: 'adopted', app, settings, off: off.has(app), instances })
  }
  count(null, false)
  const all = Promise.all([decided.promise, finished.promise])
  return {
    settled: atMost(Promise.all([heard.promise, atMost(all, longest)]), longestUnheard),
    tell(event) {
      if (event.type !== 'vanished') handOver(event.app, event.settings)
      send(event)
      count(event.app, event.type !== 'settling' && event.type !== 'settings')
    },
    finish(settingsFor) {
      for (const app of waiting.keys()) {
        if (!byApp.has(app)) continue
        handOver(app, settingsFor(app))
        send({ type: 'vanished', app })
        count(app, true)
      }
      waiting.clear()
      finished.resolve()
    },
  }
}

function latch(): PromiseWithResolvers<void> {
  return Promise.withResolvers()
}

async function atMost(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  await Promise.race([promise, delay(milliseconds, undefined, { ref: false })])
}
