import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

import type { Clock } from '../lib/clock.ts'
import { type ErrorCode, errors } from '../lib/errors.ts'
import type { GatewayReport } from '../model/protocol.ts'
import { indexRoutes, type Route, type RouteTable } from '../model/route.ts'
import type { Journal } from '../observe/journal.ts'
import { Attempts } from './auth/attempts.ts'
import { Sessions } from './auth/sessions.ts'
import { type Auth, knownTokens } from './auth/tokens.ts'
import { createFrontServer } from './connection.ts'
import type { Door, Story } from './door.ts'
import { Hold } from './hold.ts'
import { type InFlight, Inflight } from './inflight.ts'
import { listen } from './listen.ts'
import { createProxyEngine } from './proxy-relay.ts'
import type { RelayEngine } from './relay.ts'
import { serve } from './serve.ts'

/** A run that left the table may have sent its last bytes a moment before; later than this what is left is cut. */
const lastWords = 250
/** At most one report that an app is wanted, an app, in this many ms. */
const wantEvery = 1_000

export interface GatewayOptions {
  /** `localhost` listens on 127.0.0.1 and ::1. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly auth: Auth
  readonly journal: Journal
  readonly clock: Clock
  readonly report: (report: GatewayReport) => void
  /** Default: over http-proxy-3. */
  readonly engine?: RelayEngine
}

/** The front door: listens, admits, relays. */
export class Gateway implements AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly #door: Door
  readonly #servers: readonly Server[]
  readonly #sockets: Set<Socket>
  readonly #cuts = new Map<number, NodeJS.Timeout>()
  /** By app, what its target was when it was last looked at. */
  #targets = new Map<string, string>()
  #runs = new Set<number>()
  #disposed: Promise<void> | null = null

  static async listen(options: GatewayOptions): Promise<Gateway> {
    const door = createDoor(options)
    const sockets = new Set<Socket>()
    const create = (): Server => {
      const server = createFrontServer({
        serve: (client) => serve(client, door, newStory(door)),
        malformed: (socket, code, detail, id) => writeMalformed(door, socket, code, detail, id),
        newId: randomUUID,
      })
      // node:http loses sight of a socket that was upgraded.
      server.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
      return server
    }
    const { servers, port } = await listen(create, options.host, options.port)
    door.port = port
    return new Gateway(options.host, port, door, servers, sockets)
  }

  private constructor(host: string, port: number, door: Door, servers: readonly Server[], sockets: Set<Socket>) {
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    this.port = port
    this.#door = door
    this.#servers = servers
    this.#sockets = sockets
  }

  /** From the next request on, and for those that wait, this is where requests go. */
  update(table: RouteTable): void {
    const door = this.#door
    door.index = indexRoutes(table)
    const serving = new Set(table.routes.flatMap(({ target }) => runsOf(target)))
    const listed = serving.union(new Set(table.draining))
    for (const run of this.#runs.difference(serving)) door.engine.retire(`run:${run}`)
    this.#runs = serving
    this.#scheduleCuts(listed)
    const targets = new Map(table.routes.map((route) => [route.app, JSON.stringify(route)]))
    const changed = targets.keys().filter((app) => targets.get(app) !== this.#targets.get(app))
    const gone = this.#targets.keys().filter((app) => !targets.has(app))
    const wake = [...changed, ...gone]
    this.#targets = targets
    door.hold.wake(wake)
    door.inflight.drain(table.draining)
  }

  configure(auth: Auth): void {
    this.#door.known = knownTokens(auth)
  }

  /** New connections are refused from now on; requests that wait are told 503; those in flight go on. */
  async stopAccepting(): Promise<void> {
    if (this.#door.closing) return
    this.#door.closing = true
    for (const server of this.#servers) {
      server.close()
      server.closeIdleConnections()
    }
    this.#door.hold[Symbol.dispose]()
    await Promise.resolve()
  }

  inflight(): readonly InFlight[] {
    return this.#door.inflight.list()
  }

  /** Ends what is still in flight on a run. */
  cut(run: number): void {
    this.#door.inflight.cut(run)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#close())
  }

  async #close(): Promise<void> {
    await this.stopAccepting()
    for (const timer of this.#cuts.values()) clearTimeout(timer)
    const closed = this.#servers.map((server) => new Promise((resolve) => server.once('close', resolve).close()))
    this.#door.inflight.cutAll()
    for (const socket of this.#sockets) socket.destroy()
    this.#door.engine[Symbol.dispose]()
    await Promise.all(closed)
  }

  /** A run with something in flight that is neither serving nor draining is past its deadline, or dead. */
  #scheduleCuts(listed: ReadonlySet<number>): void {
    for (const run of this.#door.inflight.runs()) {
      if (listed.has(run) || this.#cuts.has(run)) continue
      const timer = setTimeout(() => {
        this.#cuts.delete(run)
        this.cut(run)
      }, lastWords)
      this.#cuts.set(run, timer)
    }
    for (const [run, timer] of this.#cuts) {
      if (!listed.has(run)) continue
      clearTimeout(timer)
      this.#cuts.delete(run)
    }
  }
}

function createDoor(options: GatewayOptions): Door {
  const { clock, journal, report } = options
  const wanted = new Map<string, number>()
  return {
    index: indexRoutes({ routes: [], draining: [] }),
    known: knownTokens(options.auth),
    closing: false,
    port: options.port,
    sessions: new Sessions(),
    attempts: new Attempts(),
    hold: new Hold(),
    inflight: new Inflight(clock, (run) => report({ type: 'drained', run })),
    engine: options.engine ?? createProxyEngine(),
    journal,
    clock,
    report,
    want: (app) => {
      const now = clock.now()
      if (now - (wanted.get(app) ?? Number.NEGATIVE_INFINITY) < wantEvery) return
      wanted.set(app, now)
      report({ type: 'wanted', app })
    },
  }
}

function newStory({ clock }: Door): Story {
  return {
    id: randomUUID(),
    at: clock.wall(),
    since: clock.now(),
    traffic: { in: 0, out: 0 },
    host: '',
    subject: null,
    app: null,
    run: null,
    held: 0,
    error: null,
  }
}

function writeMalformed({ journal, clock }: Door, socket: Socket, code: ErrorCode, detail: string, id: string): void {
  const { status, source } = errors[code]
  const client = socket.remoteAddress ?? 'unknown'
  const unread = { subject: null, app: null, run: null, method: '', host: '', target: '' }
  const counts = { bytesIn: 0, bytesOut: 0, took: 0, held: 0 }
  journal.write({
    type: 'exchange',
    id,
    at: clock.wall(),
    client,
    ...unread,
    status,
    ...counts,
    error: { code, source, detail },
  })
}

function runsOf(target: Route['target']): number[] {
  return target.kind === 'ready' ? target.upstreams.map(({ run }) => run) : []
}
