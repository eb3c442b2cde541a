import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import { objection, outcomeOf, type Outcome } from '../model/outcome.ts'
import type { Supervisor } from './supervisor.ts'

/** Added to what the app's own settings allow a command to take (milliseconds). */
const margin = 2_000

export type CommandOutcome =
  | { readonly ok: true; readonly state: string }
  | { readonly ok: false; readonly reason: string; readonly known: boolean }

/** Gives an operator's command and waits for what becomes of it, no longer than the app's own deadlines allow. */
export async function command(
  supervisor: Supervisor,
  clock: Clock,
  name: string,
  verb: 'start' | 'stop' | 'restart',
): Promise<CommandOutcome> {
  const app = supervisor.fleet.apps.get(name)
  if (!app) return { ok: false, reason: `there is no app called ${name}`, known: false }
  const reason = objection(app)
  if (reason !== null) return { ok: false, reason, known: true }
  const since = clock.now()
  supervisor.send({ type: 'command', app: name, verb })
  return await outcome(supervisor, name, verb, since)
}

/** Waits for what becomes of the release that is current now, no longer than the app's own deadlines allow. */
export async function outcome(
  supervisor: Supervisor,
  name: string,
  verb: 'start' | 'stop' | 'restart',
  since: number,
): Promise<CommandOutcome> {
  const app = supervisor.fleet.apps.get(name)
  if (!app) return { ok: false, reason: `there is no app called ${name}`, known: false }
  const mine = app.current
  const look = (): Outcome => outcomeOf(supervisor.fleet.apps.get(name), verb, mine, since)
  const { health, stop, rollout } = app.settings
  const limit = (verb === 'stop' ? stop.drain + stop.grace : health.boot + rollout.soak) + margin
  const over = new AbortController()
  const late = delay(limit, undefined, { signal: over.signal }).catch(() => {})
  let found = look()
  // What was found then counts: the next may come before anybody here has looked again.
  const isDecided = (): boolean => (found = look()).decided
  await Promise.race([late, supervisor.until(isDecided, over.signal).catch(() => {})])
  over.abort()
  if (!found.decided)
    return { ok: false, reason: `not done within ${limit / 1000}s; see quaymaster status`, known: true }
  return found.ok ? { ok: true, state: found.state } : { ok: false, reason: found.reason, known: true }
}
