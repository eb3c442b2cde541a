import { createHash } from 'node:crypto'
import http from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'

import { Gateway, type GatewayOptions } from '../../src/gateway/gateway.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'
import type { Route, Target, Upstream } from '../../src/model/route.ts'
import { type Exchange, Journal } from '../../src/observe/journal.ts'
import { tableOf } from '../support/table.ts'
import { eventually, patience, within } from '../support/wait.ts'

export const token = 'a-token-for-all-apps'
export const helloOnly = 'a-token-for-hello-only'

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A gateway with a table, its journal and what it reported. */
export interface Front extends AsyncDisposable {
  readonly gateway: Gateway
  readonly port: number
  readonly exchanges: Exchange[]
  readonly reports: GatewayReport[]
  routes(routes: readonly Route[], draining?: readonly number[]): void
  wire(): Promise<Wire>
  /** One request on a connection of its own. `head` without the Host line and the token. */
  ask(request: string, ...lines: string[]): Promise<Response>
  exchange(where: (exchange: Exchange) => boolean): Promise<Exchange>
}

export async function startFront(options: Partial<GatewayOptions> = {}): Promise<Front> {
  const journal = new Journal()
  const exchanges: Exchange[] = []
  journal.subscribe((entry) => void (entry.type === 'exchange' && exchanges.push(entry)))
  const reports: GatewayReport[] = []
  const gateway = await Gateway.listen({
    host: '127.0.0.1',
    port: 0,
    auth: {
      tokens: [
        { name: 'all', sha256: sha256(token), apps: null },
        { name: 'narrow', sha256: sha256(helloOnly), apps: ['hello'] },
      ],
    },
    journal,
    clock: systemClock,
    report: (report) => void reports.push(report),
    ...options,
  })
  const wires: Wire[] = []
  const front: Front = {
    gateway,
    port: gateway.port,
    exchanges,
    reports,
    routes: tableOf(gateway),
    async wire() {
      const wire = await Wire.to(gateway.port)
      wires.push(wire)
      return wire
    },
    async ask(request, ...lines) {
      const wire = await front.wire()
      const head = lines.indexOf('') === -1 ? lines : lines.slice(0, lines.indexOf(''))
      const body = lines.indexOf('') === -1 ? '' : lines.slice(lines.indexOf('') + 1).join('\r\n')
      wire.send([`${request} HTTP/1.1`, 'Host: h', `X-API-Token: ${token}`, ...head, '', body].join('\r\n'))
      const response = await wire.response(request.split(' ')[0])
      wire.socket.destroy()
      return response
    },
    exchange: (where) => eventually(() => exchanges.find(where), { what: 'the journal entry' }),
    async [Symbol.asyncDispose]() {
      for (const wire of wires) wire.socket.destroy()
      await gateway[Symbol.asyncDispose]()
    },
  }
  return front
}

export function route(app: string, target: Target, more: Partial<Route> = {}): Route {
  return {
    app,
    path: `/${app}`,
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

export function ready(...upstreams: Upstream[]): Target {
  return { kind: 'ready', upstreams }
}

export function at(run: number, port: number): Upstream {
  return { run, host: '127.0.0.1', port }
}

export const waiting: Target = { kind: 'waiting', why: 'starting', until: null }

export interface Response {
  readonly status: number
  readonly reason: string
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
  readonly trailers: string
  field(name: string): string | undefined
  all(name: string): string[]
  json(): Record<string, unknown>
}

/** A client that shows every byte. */
export class Wire {
  readonly socket: Socket
  received = ''
  ended = false
  error: NodeJS.ErrnoException | null = null
  readonly closed: Promise<void>
  #changed: () => void = () => {}

  static async to(port: number): Promise<Wire> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Wire(socket)
  }

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (data) => {
      this.received += data.toString('latin1')
      this.#changed()
    })
    socket.on('end', () => {
      this.ended = true
      this.#changed()
    })
    socket.on('error', (error) => (this.error = error))
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.ended = true
        this.#changed()
        resolve()
      }),
    )
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1')
  }

  /** Waits until what was received satisfies the question, which is asked after every piece. */
  async until<T>(
    question: (received: string) => T | null | undefined | false,
    what: string,
    time = patience,
  ): Promise<T> {
    const wait = async (): Promise<T> => {
      for (;;) {
        const answer = question(this.received)
        if (answer !== null && answer !== undefined && answer !== false) return answer
        if (this.ended) throw new Error(`The connection ended before ${what}: ${JSON.stringify(this.received)}`)
        await new Promise<void>((resolve) => (this.#changed = resolve))
      }
    }
    return within(wait(), time, () => `${what}; received: ${JSON.stringify(this.received.slice(0, 2_000))}`)
  }

  async untilEnded(time = patience): Promise<string> {
    await within(
      (async () => {
        while (!this.ended) await new Promise<void>((resolve) => (this.#changed = resolve))
      })(),
      time,
      () => `the end; received: ${JSON.stringify(this.received.slice(0, 2_000))}`,
    )
    return this.received
  }

  /** The next whole response, taken off what was received. Interim ones are responses too. */
  async response(method = 'GET', time = patience): Promise<Response> {
    const taken = await this.until((text) => parse(text, method, this.ended), 'a whole response', time).catch(
      (error) => {
        // A response delimited by close is whole when the connection has ended.
        const last = parse(this.received, method, true)
        if (last) return last
        throw error
      },
    )
    this.received = this.received.slice(taken.length)
    return taken.response
  }
}

function parse(text: string, method: string, ended: boolean): { response: Response; length: number } | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [line = '', ...lines] = text.slice(0, end).split('\r\n')
  const [, status = '0', reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(line) ?? []
  const fields = lines.map((field) => {
    const colon = field.indexOf(':')
    return [field.slice(0, colon), field.slice(colon + 1).trim()] as const
  })
  const all = (name: string): string[] => fields.filter(([it]) => it.toLowerCase() === name).map(([, value]) => value)
  const make = (body: string, trailers: string, length: number): { response: Response; length: number } => ({
    length,
    response: {
      status: Number(status),
      reason,
      fields,
      body,
      trailers,
      all,
      field: (name) => all(name)[0],
      json: () => JSON.parse(body) as Record<string, unknown>,
    },
  })
  const start = end + 4
  if (method === 'HEAD' || status.startsWith('1') || status === '204' || status === '304') return make('', '', start)
  if (all('transfer-encoding').includes('chunked')) {
    let body = ''
    let at = start
    for (;;) {
      const eol = text.indexOf('\r\n', at)
      if (eol === -1) return null
      const size = Number.parseInt(text.slice(at, eol), 16)
      if (size === 0) {
        const close = text.indexOf('\r\n\r\n', eol)
        return close === -1 ? null : make(body, text.slice(eol + 2, close), close + 4)
      }
      if (text.length < eol + 2 + size + 2) return null
      body += text.slice(eol + 2, eol + 2 + size)
      at = eol + 2 + size + 2
    }
  }
  const length = all('content-length')[0]
  if (length !== undefined) {
    const whole = start + Number(length)
    return text.length < whole ? null : make(text.slice(start, whole), '', whole)
  }
  return ended ? make(text.slice(start), '', text.length) : null
}

export interface App extends AsyncDisposable {
  readonly port: number
  readonly sockets: Set<Socket>
  /** As a SIGKILL does it: nobody listens any more and every connection is gone. */
  kill(): Promise<void>
}

/** An app on node:http. */
export function startApp(
  handler: http.RequestListener,
  adjust: (server: http.Server) => void = () => {},
): Promise<App> {
  const server = http.createServer(handler)
  adjust(server)
  return serveOn(server)
}

/** An app that shows and says every byte. `onRequest` is called whenever `received` has a whole head at its end or more. */
export function startRaw(onConnection: (wire: Wire, index: number) => void): Promise<App> {
  let index = 0
  return serveOn(net.createServer({ allowHalfOpen: true }, (socket) => onConnection(new Wire(socket), index++)))
}

/** An app that answers every request head it sees with the same bytes; then what `after` says happens. */
export function startCanned(bytes: string, after: 'keep' | 'close' | 'reset' = 'keep'): Promise<App> {
  return startRaw((wire) => {
    let seen = 0
    wire.socket.on('data', () => {
      const heads = wire.received.split('\r\n\r\n').length - 1
      if (heads === seen) return
      seen = heads
      wire.socket.write(bytes, 'latin1', () => {
        if (after === 'close') wire.socket.end()
        if (after === 'reset') setTimeout(() => wire.socket.resetAndDestroy(), 30)
      })
    })
  })
}

async function serveOn(server: net.Server): Promise<App> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const kill = async (): Promise<void> => {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.resetAndDestroy()
    await closed
  }
  return { port: (server.address() as AddressInfo).port, sockets, kill, [Symbol.asyncDispose]: kill }
}

/** Answers with what it was sent: method, target, fields, body. */
export const echo: http.RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { method, url, rawHeaders } = request
    const body = Buffer.concat(chunks).toString('latin1')
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ method, url, rawHeaders, body }), 'latin1')
  })
}

export interface Echoed {
  readonly method: string
  readonly url: string
  readonly rawHeaders: string[]
  readonly body: string
}

/** The values of a field in what an echo says it was sent. */
export function sent(response: Response, name: string): string[] {
  const { rawHeaders } = JSON.parse(response.body) as Echoed
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
}
