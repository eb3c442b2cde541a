import { setTimeout as pause } from 'node:timers/promises'
import { request } from '../../admin/request.ts'
import type { AppStatus, StatusDocument } from '../../model/status.ts'
import type { Door } from './load.ts'

/** What a gateway has counted so far. */
export interface Coping {
  readonly pid: number
  readonly replayed: number
  readonly held: number
}

/** A gateway that is drilled, and the app that suffers for it. */
export class Stage {
  readonly stateDir: string
  readonly app: string

  constructor(stateDir: string, app: string) {
    this.stateDir = stateDir
    this.app = app
  }

  async status(): Promise<StatusDocument> {
    return JSON.parse(await this.#ask('GET', '/status')) as StatusDocument
  }

  async look(): Promise<AppStatus> {
    const found = (await this.status()).apps.find(({ name }) => name === this.app)
    if (!found) throw new Error(`there is no app ${this.app} any more`)
    return found
  }

  async coped(): Promise<Coping> {
    const { pid, apps } = await this.status()
    const { replayed = 0, held = 0 } = apps.find(({ name }) => name === this.app) ?? {}
    return { pid, replayed, held }
  }

  async door(token: string | null): Promise<Door> {
    return { url: (await this.look()).url, token }
  }

  /** Lets another process take over, and resolves when it has. */
  async upgrade(): Promise<void> {
    const { pid } = await this.status()
    await this.#ask('POST', '/upgrade')
    for (let turn = 0; turn < 600; turn++) {
      const now = await this.status().catch(() => null)
      if (now !== null && now.pid !== pid) return
      await pause(50)
    }
    throw new Error(`no new gateway has taken over from PID ${pid} within 30 s`)
  }

  async command(verb: string): Promise<void> {
    await this.#ask('POST', `/apps/${encodeURIComponent(this.app)}/${verb}`)
  }

  /** The ready instance with the highest run: the one that serves last. One on a Unix socket has no port. */
  async victim(): Promise<{ readonly run: number; readonly pid: number; readonly port: number | null }> {
    const app = await this.until((it) => it.state === 'ready', 'it to be ready')
    const newest = app.instances.filter(({ state }) => state === 'ready').toSorted((a, b) => b.run - a.run)[0]
    if (!newest || newest.pid === null) throw new Error(`${this.app} has no process`)
    return { run: newest.run, pid: newest.pid, port: newest.port }
  }

  /** Until a later run than this one serves, alone. */
  async replaced(run: number): Promise<AppStatus> {
    return this.until(
      ({ state, instances }) => state === 'ready' && instances.every((it) => it.run > run),
      `another instance than run ${run}`,
    )
  }

  async until(is: (app: AppStatus) => boolean, what: string, limit = 40_000): Promise<AppStatus> {
    const began = performance.now()
    for (;;) {
      const app = await this.look().catch((error: unknown) => error)
      if (!(app instanceof Error) && is(app as AppStatus)) return app as AppStatus
      if (performance.now() - began > limit) {
        const seen = app instanceof Error ? app.message : JSON.stringify(app)
        throw new Error(`waited ${limit / 1000} s in vain for ${what}; last seen: ${seen}`)
      }
      await pause(20)
    }
  }

  async #ask(method: 'GET' | 'POST', path: string): Promise<string> {
    const { status, text } = await request(this.stateDir, method, path, { timeout: 60_000 })
    if (status >= 200 && status < 300) return text
    throw new Error(`the gateway answered ${method} ${path} with ${status}: ${text.slice(0, 500)}`)
  }
}
