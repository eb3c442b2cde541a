import http from 'node:http'
import https from 'node:https'

import type { Destination } from './relay.ts'

/** Below the 5 s after which a Node server closes an idle connection, so that we are the ones who close it. */
const idleLimit = 4_000
/** Idle connections kept to one instance; one more is closed instead of kept. */
const maxIdle = 64

/** The keep-alive connections to instances and remote hosts, one agent each. */
export class Pools implements Disposable {
  readonly #agents = new Map<string, http.Agent>()

  agentFor({ pool, secure }: Destination): http.Agent {
    const known = this.#agents.get(pool)
    if (known) return known
    // `timeout` closes idle sockets; on busy ones it only emits an event that nobody listens to.
    const options = { keepAlive: true, maxFreeSockets: maxIdle, timeout: idleLimit, scheduling: 'lifo' } as const
    const agent = secure ? new https.Agent(options) : new http.Agent(options)
    this.#agents.set(pool, agent)
    return agent
  }

  dropIdle(pool: string): void {
    for (const sockets of Object.values(this.#agents.get(pool)?.freeSockets ?? {}))
      for (const socket of sockets ?? []) socket.destroy()
  }

  retire(pool: string): void {
    const agent = this.#agents.get(pool)
    if (!agent) return
    this.dropIdle(pool)
    // `destroy()` would cut the busy sockets too. With no room for idle ones each is closed when its exchange ends.
    agent.maxFreeSockets = 0
    this.#agents.delete(pool)
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }
}
