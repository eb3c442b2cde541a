import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileLimit } from '../lib/file-limit.ts'
import type { ListeningSockets } from '../lib/running.ts'
import type { GatewayReport, Traffic } from '../model/protocol.ts'
import type { Route, RouteChange } from '../model/route.ts'
import type { Auth } from './auth/tokens.ts'
import type { FrontDoor } from './front-door.ts'
import type { GatewayOptions } from './gateway.ts'
import { type Ground, heritage } from './heritage.ts'
import type { InFlight } from './inflight.ts'
import { listen } from './listen.ts'
import { Board } from './shared-board.ts'
import type { FromThread, ToThread } from './thread-protocol.ts'
import { Thread } from './worker.ts'

export interface ThreadsOptions extends Omit<GatewayOptions, 'reusePort' | 'clock'> {
  readonly count: number
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** A thread that died is replaced after this long (milliseconds), so that one that cannot live does not spin. */
const replaceAfter = 200
/** How soon the threads learn that exchanges are, or are not, looked at (milliseconds). */
const lookEvery = 500

/**
 * The gateway on several threads that listen on one port (SO_REUSEPORT): the kernel gives each connection to one of
 * them and no request depends on which. Changes of the routes go out to all, reports and journal entries come back.
 * A thread that dies takes its own connections with it, nothing else.
 */
export class GatewayThreads implements FrontDoor {
  readonly url: string
  readonly port: number
  readonly #options: ThreadsOptions
  /** How many sockets a thread has: one for each address. */
  readonly #group: number
  readonly #sessionKey: Uint8Array
  readonly #threads: Set<Thread>
  /** Runs to be drained, with the threads that have not reported them empty. */
  readonly #draining = new Map<number, Set<Thread>>()
  /** By app: for threads that start later. */
  readonly #routes = new Map<string, Route>()
  readonly #board: Board
  readonly #least = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  readonly #looking: NodeJS.Timeout
  #auth: Auth
  #waits: boolean
  #closing = false
  #disposed: Promise<void> | null = null

  static async listen(options: ThreadsOptions): Promise<GatewayThreads> {
    const { count } = options
    const { port, group, shares } = options.inherited ? heritage(options.inherited, count) : await look(options)
    const gateway = new GatewayThreads(options, port, group)
    try {
      await Promise.all(Array.from({ length: count }, (_, at) => gateway.#start(shares[at])))
    } catch (error) {
      await gateway[Symbol.asyncDispose]()
      throw error
    }
    return gateway
  }

  private constructor(options: ThreadsOptions, port: number, group: number) {
    const { host } = options
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    this.port = port
    this.#group = group
    this.#options = options
    this.#auth = options.auth
    this.#waits = options.waits ?? false
    this.#sessionKey = options.sessions?.key ?? randomBytes(32)
    this.#threads = new Set()
    this.#board = new Board(options.count)
    const look = (): number => Atomics.store(this.#least, 0, options.journal.least)
    look()
    this.#looking = setInterval(look, lookEvery).unref()
  }

  open(): void {
    this.#waits = false
    this.#tell({ type: 'open' })
  }

  change(change: RouteChange): void {
    for (const route of change.put) this.#routes.set(route.app, route)
    for (const app of change.gone) this.#routes.delete(app)
    for (const run of change.over) this.#draining.delete(run)
    for (const run of change.drain) this.#draining.set(run, new Set(this.#threads))
    this.#tell({ type: 'routes', routes: change, columns: this.#board.change(change) })
    // While no thread lives there is nobody to say so.
    if (this.#threads.size === 0) for (const run of change.drain) this.#options.report({ type: 'drained', run })
  }

  configure(auth: Auth): void {
    this.#auth = auth
    this.#tell({ type: 'auth', auth })
  }

  async stopAccepting(): Promise<void> {
    this.#closing = true
    this.#tell({ type: 'stop' })
    await Promise.resolve()
  }

  get sockets(): ListeningSockets {
    const descriptors = [...this.#threads].flatMap((thread) => thread.descriptors)
    return { descriptors, threads: descriptors.length / this.#group, port: this.port }
  }

  async leave(): Promise<void> {
    this.#closing = true
    this.#tell({ type: 'leave' })
    await Promise.all([...this.#threads].map((thread) => thread.left))
  }

  inflight(): readonly InFlight[] {
    return [...this.#threads].flatMap((thread) => thread.inflight)
  }

  /** A thread that has not spoken of a run serves none of its requests. */
  traffic(run: number): Traffic {
    const told = [...this.#threads].flatMap((thread) => thread.traffic.get(run) ?? [])
    return {
      waiting: Math.max(0, ...told.map((one) => one.waiting)),
      quiet: told.length === 0 ? 0 : Math.min(...told.map((one) => one.quiet)),
      reads: told.reduce((sum, one) => sum + one.reads, 0),
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#looking)
    await Promise.all([...this.#threads].map((thread) => thread.close()))
  }

  /** Resolves when the new thread listens. */
  async #start(descriptors: readonly number[] = []): Promise<void> {
    const { host, timeouts, trustedProxies, stamp = '0' } = this.#options
    const routes = { put: [...this.#routes.values()], gone: [], drain: [...this.#draining.keys()], over: [] }
    const [auth, sessionKey, waits] = [this.#auth, this.#sessionKey, this.#waits]
    const row = this.#board.takeRow()
    const columns = this.#board.columnsOf(this.#routes.values())
    const shared = { board: this.#board.memory, row, columns, least: this.#least.buffer }
    const files = Math.floor(fileLimit() / this.#options.count)
    const start = {
      host,
      port: this.port,
      inherited: descriptors.length > 0 ? { descriptors, port: this.port } : undefined,
      auth,
      routes,
      sessionKey,
      waits,
      timeouts,
      trustedProxies,
      stamp,
      files,
      ...shared,
    }
    const thread = new Thread(start, (message) => this.#hear(thread, message))
    this.#threads.add(thread)
    void thread.over.then((why) => this.#lose(thread, row, why))
    // What changes while it starts waits for it, in order, until it listens to messages.
    await thread.listening
  }

  #lose(thread: Thread, row: number, why: string): void {
    this.#threads.delete(thread)
    this.#board.freeRow(row)
    for (const [run, waiting] of this.#draining) if (waiting.delete(thread)) this.#reportIfDrained(run, waiting)
    if (this.#closing) return
    this.#options.notice('error', `A gateway thread died and is replaced; its connections are lost: ${why}`)
    void this.#replace()
  }

  async #replace(): Promise<void> {
    await delay(replaceAfter)
    // One that cannot start is lost in turn, and so tried again.
    if (!this.#closing) await this.#start().catch(() => {})
  }

  #hear(thread: Thread, message: FromThread): void {
    switch (message.type) {
      case 'report':
        return this.#report(thread, message.report)
      case 'entry':
        return this.#options.journal.write(message.entry)
      case 'revoke':
      case 'failure':
        for (const other of this.#threads) if (other !== thread) other.tell(message)
        return
      case 'left':
      case 'inflight':
      case 'listening':
      case 'failed':
      case 'closed':
    }
  }

  #report(thread: Thread, report: GatewayReport): void {
    if (report.type !== 'drained') return this.#options.report(report)
    const waiting = this.#draining.get(report.run)
    if (waiting?.delete(thread)) this.#reportIfDrained(report.run, waiting)
  }

  #reportIfDrained(run: number, waiting: ReadonlySet<Thread>): void {
    if (waiting.size === 0) this.#options.report({ type: 'drained', run })
  }

  #tell(message: ToThread): void {
    for (const thread of this.#threads) thread.tell(message)
  }
}

/** Another program may share the port with us only by an accident that this look prevents. */
async function look({ host, port: wanted }: ThreadsOptions): Promise<Ground> {
  const { servers, port } = await listen(() => createServer(), { host, port: wanted })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return { port, group: servers.length, shares: [] }
}
