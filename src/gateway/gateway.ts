import { createServer, type Server } from 'node:net'

import { fileLimit } from '../lib/file-limit.ts'
import type { ListeningSockets } from '../lib/running.ts'
import type { Traffic } from '../model/protocol.ts'
import { type RouteChange, runsOf } from '../model/route.ts'
import { changeIndex, emptyIndex, type OwnIndex } from '../model/route-index.ts'
import { tuneAccepted } from './accepted.ts'
import { type Auth, Credentials } from './auth/tokens.ts'
import { blame } from './blame.ts'
import { Connection } from './connection.ts'
import { Cuts } from './cuts.ts'
import { createDoor, type DoorOptions } from './create-door.ts'
import type { Door } from './door.ts'
import { Exchange } from './exchange.ts'
import type { InFlight } from './inflight.ts'
import { emptied } from './leave.ts'
import { listen } from './listen.ts'
import { Lobby } from './lobby.ts'
import { Proxies } from './origin.ts'
import { handOver } from './outlet.ts'
import { openRoom } from './room.ts'
import type { Front } from './served.ts'
import { Sweep } from './sweep.ts'
import { turnAway } from './turn-away.ts'
import { refusal, refusalOf } from './verdict.ts'

/** How long clients that are told of the end have to go (milliseconds). */
const lastWords = 250

export interface GatewayOptions extends DoorOptions {
  /** `localhost` listens on 127.0.0.1 and ::1. */
  readonly host: string
  /** Share the port with other gateways of ours (SO_REUSEPORT). Default: the port is ours alone. */
  readonly reusePort?: boolean
  /** Sockets that listen already. Default: new ones. */
  readonly inherited?: ListeningSockets | undefined
  /** Connections are taken, but wait for `open` before a byte of them is read. Default: they do not. */
  readonly waits?: boolean
  /** How many files this gateway may have open. Default: all that the process may. */
  readonly files?: number
  /** Addresses and networks whose X-Forwarded fields are believed. Default: none. */
  readonly trustedProxies?: readonly string[] | undefined
}

/** The front door: listens, admits, relays. */
export class Gateway implements AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly #door: Door
  readonly #servers: readonly Server[]
  readonly #connections: Set<Connection>
  readonly #sweep: Sweep
  readonly #lobby: Lobby
  /** Whose sockets it listens on, if it has inherited those of several. */
  readonly #threads: number | undefined
  readonly #cuts: Cuts
  readonly #index: OwnIndex
  #disposed: Promise<void> | null = null

  static async listen(options: GatewayOptions): Promise<Gateway> {
    const { clock } = options
    const sweep = new Sweep(clock, blame)
    const index = emptyIndex()
    const connections = new Set<Connection>()
    const proxies = new Proxies(options.trustedProxies ?? [])
    const room = openRoom(options.files ?? fileLimit(), connections, clock, options.journal)
    const door = createDoor(options, sweep, index, room)
    const front: Front<Connection> = {
      clock,
      sweep,
      timeouts: door.timeouts,
      originOf: (remoteAddress) => proxies.originOf(remoteAddress),
      begin: (connection, head) => {
        if (connection.origin.isProxy) {
          connection.origin = proxies.read(connection.origin, head)
          connection.last.lines = ''
        }
        const exchange = new Exchange(door, connection, head)
        connection.served = exchange
        try {
          exchange.begin()
        } catch (error) {
          exchange.failed(error)
        }
      },
      malformed: (connection, refused) => turnAway(connection, door, refusalOf(refused)),
      late: (connection) => turnAway(connection, door, refusal('request-timeout', 'The request head came too slowly.')),
      gone: (connection) => {
        connections.delete(connection)
        room.give()
      },
    }
    // Half-open: a client that has said all it wants to say in a tunnel may still listen.
    const lobby = new Lobby(room, (socket) => connections.add(new Connection(socket, front)))
    if (!options.waits) lobby.open()
    const create = (): Server =>
      createServer({ allowHalfOpen: true, pauseOnConnect: lobby.isWaiting }, (socket) => lobby.admit(socket))
    const { servers, port } = await listen(create, options)
    for (const server of servers) tuneAccepted(server)
    door.port = port
    door.cookie = `quaymaster-${port}`
    return new Gateway(options.host, port, door, index, servers, connections, sweep, lobby, options.inherited?.threads)
  }

  private constructor(
    host: string,
    port: number,
    door: Door,
    index: OwnIndex,
    servers: readonly Server[],
    connections: Set<Connection>,
    sweep: Sweep,
    lobby: Lobby,
    threads: number | undefined,
  ) {
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    this.port = port
    this.#door = door
    this.#cuts = new Cuts(door.inflight)
    this.#index = index
    this.#servers = servers
    this.#connections = connections
    this.#sweep = sweep
    this.#lobby = lobby
    this.#threads = threads
  }

  /** What waits is served from now on. */
  open(): void {
    this.#lobby.open()
  }

  /** Costs what changes, whatever the number of apps. */
  change(routes: RouteChange): void {
    const { hold, inflight, losses, suspects, upstreams } = this.#door
    const { put, gone, drain, over, ended = [] } = routes
    const names = [...put.map(({ app }) => app), ...gone]
    const before = new Set(names.flatMap((app) => runsOf(this.#index.routes.get(app))))
    changeIndex(this.#index, routes)
    this.#door.trials.change(routes)
    const left = before.difference(new Set(put.flatMap(runsOf)))
    for (const run of left) upstreams.retire(run)
    for (const it of ended) losses.ended(it)
    this.#door.changed(names)
    hold.wake(names)
    suspects.changed(routes)
    inflight.drain(drain, over)
    const stopped = new Set(ended.map(({ run }) => run))
    for (const run of left.difference(new Set(drain)).union(new Set(over))) this.#cuts.soon(run, stopped.has(run))
  }

  configure(auth: Auth): void {
    this.#door.credentials = new Credentials(auth)
  }

  /** New connections are refused from now on; requests that wait are told 503; those in flight go on. */
  async stopAccepting(): Promise<void> {
    handOver()
    if (this.#door.closing) return
    this.#door.closing = true
    for (const server of this.#servers) server.close()
    for (const connection of this.#connections) if (connection.isIdle) connection.socket.destroy()
    this.#lobby[Symbol.dispose]()
    this.#door.hold[Symbol.dispose]()
    this.#door.suspects[Symbol.dispose]()
    await Promise.resolve()
  }

  get sockets(): ListeningSockets {
    const descriptors = this.#servers.map((server) => (server as { _handle?: { fd?: number } })._handle?.fd ?? -1)
    return { descriptors, threads: this.#threads, port: this.port }
  }

  /** Every client is served once more and told to come back by another connection. */
  async leave(): Promise<void> {
    this.#door.leaving = true
    for (const server of this.#servers) server.close()
    const runs = this.inflight().flatMap(({ run }) => (run === null ? [] : [run]))
    this.#door.inflight.drain([...new Set(runs)], [])
    const { hold, suspects } = this.#door
    await emptied(this.#connections, { isHolding: () => !hold.isEmpty || !suspects.queue.isEmpty })
    if (this.#connections.size === 0) return
    // Who is still here is told so, and that is logged, before anything is closed.
    await this.stopAccepting()
    this.#door.inflight.cutAll()
    await emptied(this.#connections, { within: lastWords })
  }

  /** A browser signed out at another gateway that shares the key. */
  revoke(session: string): void {
    this.#door.sessions.revoke(session)
  }

  /** A sign-in from this address failed at another gateway that shares the port. */
  countFailure(address: string): void {
    this.#door.attempts.add(address, this.#door.clock.now())
  }

  inflight(): readonly InFlight[] {
    return this.#door.inflight.list()
  }

  traffic(run: number): Traffic {
    const { inflight, upstreams } = this.#door
    return { waiting: inflight.waiting(run), ...upstreams.heardOf(run) }
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
    this.#cuts[Symbol.dispose]()
    const closed = this.#servers.map((server) => new Promise((resolve) => server.once('close', resolve).close()))
    this.#door.inflight.cutAll()
    for (const { socket } of this.#connections) socket.destroy()
    this.#door.losses[Symbol.dispose]()
    this.#door.upstreams[Symbol.dispose]()
    this.#door.trials[Symbol.dispose]()
    this.#door.coping[Symbol.dispose]()
    this.#door.remotes[Symbol.dispose]()
    await Promise.all(closed)
    this.#sweep[Symbol.dispose]()
  }
}
