import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import net, { type AddressInfo, type Socket } from 'node:net'

import { Gateway, type GatewayOptions } from '../../src/gateway/gateway.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'
import type { Route, Target } from '../../src/model/route.ts'
import { type Exchange, Journal } from '../../src/observe/journal.ts'
import { tableOf } from '../support/table.ts'
import { eventually, patience, within } from '../support/wait.ts'
import { type FieldPair, type Message, readRequest, readResponse, valuesIn } from './strict.ts'

export const token = 'a-token-for-all-apps'
/** The fields of every ordinary request here. */
export const known: string = `Host: h\r\nX-API-Token: ${token}\r\n`
/** A request that must never arrive where a case hides it. */
export const hidden: string = `GET /api/app1/hidden HTTP/1.1\r\n${known}\r\n`
export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A request to app1 as bytes: `ask('GET /x', 'X-A: b')`; a body is appended by the caller. */
export function ask(line: string, ...fields: string[]): string {
  const [method = '', target = ''] = line.split(' ')
  return `${method} /api/app1${target} HTTP/1.1\r\n${known}${fields.map((field) => `${field}\r\n`).join('')}\r\n`
}

/** One end of a connection that shows and says every byte. */
export class Peer {
  readonly socket: Socket
  /** Everything, from the first byte on. */
  received = ''
  /** How far `received` has been read as messages. */
  at = 0
  /** The other side has ended its direction, or the connection is gone. */
  ended = false
  closed = false
  error: string | null = null
  readonly #waiting = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    const told = (change: () => void) => (): void => {
      change()
      this.#wake()
    }
    socket.on('data', (data: Buffer) => {
      this.received += data.toString('latin1')
      this.#wake()
    })
    socket.on(
      'end',
      told(() => (this.ended = true)),
    )
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message))
    socket.on(
      'close',
      told(() => (this.ended = this.closed = true)),
    )
  }

  send(bytes: string): void {
    if (this.socket.writable) this.socket.write(bytes, 'latin1')
  }

  /** Waits for something that what arrives brings about. */
  async until<T>(question: () => T | false | null | undefined, what: string, time = patience): Promise<T> {
    const wait = async (): Promise<T> => {
      for (;;) {
        const answer = question()
        if (answer !== false && answer !== null && answer !== undefined) return answer
        if (this.closed) throw new Error(`The connection closed before ${what}: ${this.#tail()}`)
        await new Promise<void>((resolve) => this.#waiting.add(resolve))
      }
    }
    return within(wait(), time, () => `${what}; received ${this.#tail()}`)
  }

  async untilEnded(time = patience): Promise<void> {
    await this.until(() => this.ended, 'the end of the connection', time)
  }

  /** The next response, interim or final, read strictly. */
  async response(method = 'GET', time = patience): Promise<Reply> {
    return this.until(
      () => {
        const step = readResponse(this.received, this.at, method, this.ended)
        if (step.kind === 'bad') throw new Error(`The gateway wrote ${step.why}: ${this.#tail()}`)
        if (step.kind === 'whole') {
          this.at = step.end
          return new Reply(step.message)
        }
        if (this.ended) throw new Error(`The connection ended before a whole response: ${this.#tail()}`)
        return null
      },
      'a whole response',
      time,
    )
  }

  /** What of `received` was not read yet. */
  rest(): string {
    return this.received.slice(this.at)
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #tail(): string {
    return JSON.stringify(this.rest().slice(0, 2_000))
  }
}

/** A response as the client read it. */
export class Reply {
  readonly status: number
  readonly reason: string
  readonly message: Message

  constructor(message: Message) {
    this.message = message
    this.status = Number(message.start.slice(9, 12))
    this.reason = message.start.slice(13)
  }

  get body(): string {
    return this.message.body
  }

  get names(): string[] {
    return this.message.fields.map(([name]) => name.toLowerCase())
  }

  all(name: string): string[] {
    return valuesIn(this.message.fields, name)
  }

  field(name: string): string | undefined {
    return this.all(name)[0]
  }

  json(): Record<string, unknown> {
    return JSON.parse(this.body) as Record<string, unknown>
  }
}

/** A request as the app read it. */
export interface Seen {
  readonly method: string
  readonly target: string
  readonly fields: readonly FieldPair[]
  readonly names: readonly string[]
  readonly body: string
  readonly trailers: readonly FieldPair[]
  readonly framing: Message['framing']
  readonly raw: string
  /** The number of the connection it came on, from 0. */
  readonly on: number
  all(name: string): string[]
}

/** What an app does with a request: answers with bytes, or does as it likes with the connection. */
export type Script = (peer: Peer, request: Seen) => string | undefined | void

/** An app on raw sockets. It reads strictly, so that anything odd the gateway writes fails the test. */
export interface Child extends AsyncDisposable {
  readonly port: number
  readonly peers: readonly Peer[]
  /** Whole requests, in the order they were complete. */
  readonly requests: readonly Seen[]
  /** Called for every whole request. */
  script: Script
  /** Called as soon as the head of a request is whole, once a request; a body may still follow. */
  onHead: Script | null
  /** What the gateway wrote that no strict reader accepts. */
  readonly bad: readonly string[]
  request(count?: number): Promise<Seen>
  /** Waits for something at the app. */
  until(question: () => unknown, what: string, time?: number): Promise<void>
}

export async function startChild(script: Script = () => ok): Promise<Child> {
  const peers: Peer[] = []
  const requests: Seen[] = []
  const bad: string[] = []
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new Peer(socket)
    const on = peers.push(peer) - 1
    let headTold = -1
    let raw = false
    const act = (script: Script, request: Seen): void => {
      const answer = script(peer, request)
      if (typeof answer === 'string') peer.send(answer)
    }
    peer.socket.on('data', () => {
      while (!raw) {
        const step = readRequest(peer.received, peer.at)
        const message = step.kind === 'whole' ? step.message : step.kind === 'more' ? step.head : null
        if (message && headTold !== peer.at && child.onHead) {
          headTold = peer.at
          act(child.onHead, seen(message, on))
        }
        if (step.kind === 'bad' && peer.received.length > peer.at) {
          bad.push(step.why)
          raw = true
        }
        if (step.kind !== 'whole') return
        peer.at = step.end
        const request = seen(step.message, on)
        // What follows a head that offers to switch may be of another protocol.
        if (request.all('upgrade').length > 0) raw = true
        requests.push(request)
        if (!child.onHead) act(child.script, request)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let gone = false
  const child: Child = {
    port: (server.address() as AddressInfo).port,
    peers,
    requests,
    script,
    onHead: null,
    bad,
    async request(count = 1) {
      await child.until(() => requests.length >= count, `request ${count} at the app`)
      return requests[count - 1] as Seen
    },
    async until(question, what, time = patience) {
      await eventually(() => Boolean(question()), { what, timeout: time })
    },
    async [Symbol.asyncDispose]() {
      if (gone) return
      gone = true
      const closed = new Promise((resolve) => server.close(resolve))
      for (const { socket } of peers) socket.destroy()
      await closed
    },
  }
  return child
}

function seen(message: Message, on: number): Seen {
  const [method = '', target = ''] = message.start.split(' ')
  const { fields, body, trailers, framing, raw } = message
  const names = fields.map(([name]) => name.toLowerCase())
  return { method, target, fields, names, body, trailers, framing, raw, on, all: (name) => valuesIn(fields, name) }
}

/** A gateway with one app at /api/app1, made anew for each test. */
export interface Rig extends AsyncDisposable {
  readonly gateway: Gateway
  readonly child: Child
  readonly exchanges: readonly Exchange[]
  readonly reports: readonly GatewayReport[]
  routes(routes: readonly Route[], draining?: readonly number[]): void
  dial(): Promise<Peer>
  /** Sends bytes on a connection of its own and reads one final response. */
  say(bytes: string): Promise<Reply>
  exchange(where: (exchange: Exchange) => boolean): Promise<Exchange>
}

export interface RigOptions {
  readonly script?: Script
  readonly limits?: GatewayOptions['timeouts']
  readonly route?: Partial<Route>
  readonly clock?: Clock
  readonly trustedProxies?: readonly string[]
}

export async function startRig({
  script,
  limits,
  route: more,
  clock = systemClock,
  trustedProxies,
}: RigOptions = {}): Promise<Rig> {
  const child = await startChild(script)
  const journal = new Journal()
  const exchanges: Exchange[] = []
  journal.subscribe((entry) => void (entry.type === 'exchange' && exchanges.push(entry)))
  const reports: GatewayReport[] = []
  const sha256 = createHash('sha256').update(token).digest('hex')
  const options: GatewayOptions = {
    host: '127.0.0.1',
    port: 0,
    auth: { tokens: [{ name: 'all', sha256, apps: null }] },
    journal,
    clock,
    report: (report) => void reports.push(report),
    ...(limits ? { timeouts: limits } : {}),
    trustedProxies,
  }
  const gateway = await Gateway.listen(options)
  const peers: Peer[] = []
  const rig: Rig = {
    gateway,
    child,
    exchanges,
    reports,
    routes: tableOf(gateway),
    async dial() {
      const peer = await dialTo(gateway.port)
      peers.push(peer)
      return peer
    },
    async say(bytes) {
      const peer = await rig.dial()
      peer.send(bytes)
      const method = bytes.slice(0, bytes.indexOf(' '))
      let reply = await peer.response(method)
      while (reply.status < 200 && reply.status !== 101) reply = await peer.response(method)
      peer.socket.destroy()
      return reply
    },
    exchange: (where) => eventually(() => exchanges.find(where), { what: 'the journal entry' }),
    async [Symbol.asyncDispose]() {
      for (const { socket } of peers) socket.destroy()
      await gateway[Symbol.asyncDispose]()
      await child[Symbol.asyncDispose]()
    },
  }
  rig.routes([route('app1', child.port, more)])
  return rig
}

async function dialTo(port: number): Promise<Peer> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const peer = new Peer(socket)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return peer
}

export function route(app: string, port: number, more: Partial<Route> = {}, run = 1): Route {
  const target: Target = { kind: 'ready', upstreams: [{ run, host: '127.0.0.1', port }] }
  return {
    app,
    path: `/api/${app}`,
    hosts: [`${app}.localhost`],
    strip: true,
    auth: 'token',
    hold: { for: 2_000, max: 10 },
    poison: null,
    replay: null,
    timeouts: { connect: 1_000, response: 0, idle: 0, total: 0 },
    connections: { max: 4_096, queue: 1_024, idle: null },
    streams: 0,
    target,
    ...more,
  }
}

/**
 * The strict refusal: one answer with a status of `statuses`, in our form, then the end of the connection; nothing
 * whole reaches the app, and what comes behind the bad bytes is not read as a request.
 */
export async function refuses(bytes: string, statuses: readonly number[] = [400], name = bytes): Promise<void> {
  await using rig = await startRig()
  const what = JSON.stringify(name.length > 300 ? `${name.slice(0, 300)}…` : name)
  const peer = await rig.dial()
  peer.send(bytes + hidden)
  const method = /^[!-~]+ /.exec(bytes)?.[0].trim() === 'HEAD' ? 'HEAD' : 'GET'
  const reply = await peer.response(method).catch((error: unknown) => assert.fail(`${what}: ${String(error)}`))
  assert.ok(statuses.includes(reply.status), `${what} was told ${reply.status} instead of ${statuses.join(' or ')}`)
  assert.equal(reply.field('content-type'), 'application/problem+json', what)
  await peer.untilEnded().catch((error: unknown) => assert.fail(`${what}: ${String(error)}`))
  assert.equal(peer.rest(), '', `${what}: more than one answer`)
  // Whatever was let through arrives before this one does.
  assert.equal((await rig.say(ask('GET /last'))).status, 200, what)
  assert.deepEqual(
    rig.child.requests.map(({ method, target }) => `${method} ${target}`),
    ['GET /last'],
    `${what} reached the app`,
  )
  await rig.gateway[Symbol.asyncDispose]()
  await rig.child.until(() => rig.child.peers.every(({ ended }) => ended), `${what}: the end at the app`)
  assert.deepEqual(rig.child.bad, [], what)
}

/** Refuses each of the cases in turn. */
export async function refusesAll(cases: readonly string[], statuses: readonly number[] = [400]): Promise<void> {
  for (const bytes of cases) await refuses(bytes, statuses)
}
