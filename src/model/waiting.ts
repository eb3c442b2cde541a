import type { Fleet } from './fleet.ts'

/** A request that is still in flight, as the gateway counts it. */
export interface InFlight {
  readonly app: string
  readonly run: number | null
  /** Milliseconds since it came. */
  readonly age: number
}

/** What a shutdown still waits for, a phrase each: `clock (2 requests, 12s)`, `deaf (process 4711, told to stop)`. */
export function describeWaiting(fleet: Fleet, inflight: readonly InFlight[]): readonly string[] {
  const phrases: string[] = []
  for (const app of fleet.apps.values()) {
    const requests = inflight.filter((it) => it.app === app.name)
    if (requests.length > 0) {
      const oldest = Math.max(...requests.map((it) => it.age))
      const count = requests.length === 1 ? '1 request' : `${requests.length} requests`
      phrases.push(`${app.name} (${count}, ${Math.round(oldest / 1000)}s)`)
    }
    for (const it of app.instances) {
      if (it.state !== 'stopping') continue
      phrases.push(`${app.name} (process ${it.pid ?? '?'}, ${it.kills > 0 ? 'being killed' : 'told to stop'})`)
    }
  }
  return phrases
}
