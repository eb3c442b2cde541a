import type { Socket } from 'node:net'
import { acceptedProtocol, persists } from '../http/fields.ts'
import { EMPTY, type Framing, reframe } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import type { Refusal } from '../http/refusal.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Upstream } from '../model/route.ts'
import type { TimeoutSettings } from '../model/settings.ts'
import { later } from './blame.ts'
import { answering, awaiting, joining, leaving, over, failureIn, sending, tunnelling } from './delivery-state.ts'
import type { Errand } from './errand.ts'
import { Inbound } from './inbound.ts'
import { passInterim, responseOut, switchOut } from './incoming.ts'
import type { Link } from './link.ts'
import type { LinkUser } from './link-user.ts'
import { requestOut } from './outgoing.ts'
import { awaitClient, overdue, until } from './overdue.ts'
import { type Parting, partingOf, WebSocketParting } from './parting.ts'
import type { Pool } from './pool.ts'
import { isRepeatable } from './read-head.ts'
import { endSoon, lingering } from './tunnel.ts'
import { Upload } from './upload.ts'
import { refusalOf } from './verdict.ts'

/** One try of a request at one instance: the request out, the response back, both as they come. */
export class Delivery implements LinkUser<Link> {
  readonly upstream: Upstream
  readonly isOnce: boolean
  readonly #errand: Errand
  readonly #pool: Pool
  readonly #route: TimeoutSettings
  readonly traffic: { in: number; out: number }
  #link: Link | null = null
  #upload: Upload | null = null
  #phase = joining
  #reused = false
  #whole = false
  #persist = false
  #closeDelimited = false
  #discards = false
  /** Of a tunnel: how many of its two sides are closed. */
  #closed = 0
  /** Of a response without an end, and whether it is due. */
  #parting: Parting | null = null
  #parts = false
  /** What the client had taken when it was given `stall` to take more, -1 when nothing waits for it. */
  #taken = -1
  #total: NodeJS.Timeout | null = null

  constructor(errand: Errand, upstream: Upstream, pool: Pool, route: TimeoutSettings) {
    this.#errand = errand
    this.traffic = errand.traffic
    this.upstream = upstream
    this.isOnce = !isRepeatable(errand.head, errand.asked)
    this.#pool = pool
    this.#route = route
  }

  start(now: number): void {
    this.#errand.connection.deadline = now + this.#route.connect
    if (this.#route.total > 0)
      this.#total = later(this.#errand.since + this.#route.total - now, this, () => {
        if (this.#phase !== tunnelling) this.#fail('response-timeout', `It took longer than ${this.#route.total} ms.`)
      })
    if (!this.#pool.join(this, now)) this.#fail('busy', 'The app has as many connections as it may have.')
  }

  /** Ends it without a word. */
  stop(): void {
    if (this.#phase === over) return
    this.#phase = over
    if (this.#total) clearTimeout(this.#total)
    this.#errand.connection.stopBody()
    if (this.#link === null) this.#pool.leave(this)
    else this.#link.destroy()
    this.#link = null
  }

  failed(error: unknown): void {
    this.#errand.failed(error)
  }

  cut(): void {
    this.#fail('cut', 'The exchange was ended.', this.#link?.silent ?? true)
  }

  /** Its instance is to go: a response that has no end of its own takes leave at some moment `within` this time. */
  retire(within: number): void {
    // At random: the clients that come back shall not all do so at once.
    if (within === 0) this.#part()
    else later(Math.random() * within, this, () => this.#part())
  }

  late(): void {
    const { connection, door } = this.#errand
    switch (this.#phase) {
      case joining:
        return this.#fail(this.#pool.lateCode(this), 'No connection was there in time.')
      case sending: {
        const fault = this.#upload?.late() ?? null
        if (fault !== null) this.#fail(fault.code, fault.detail)
        return
      }
      case tunnelling:
        this.stop()
        connection.abort(false)
        return this.#errand.ended(null, false)
      default:
        if (this.#taken !== -1 && this.#taken < awaitClient(this.#errand)) return
        return this.#fail(...overdue(this.#phase, this.#taken !== -1, this.#route, door.timeouts))
    }
  }

  linked(link: Link): void {
    const { connection, head, kept } = this.#errand
    this.#link = link
    this.#reused = link.used > 0
    link.begin(this, head.method)
    link.out.request(head, requestOut(this.#errand))
    // What came of the body before this try.
    kept?.writeTo(link.out)
    if (connection.bodyRead) {
      link.out.last(null)
      link.out.flushSoon()
      return this.#sent()
    }
    this.#phase = sending
    this.#upload = new Upload(this.#errand, link, this)
    this.#upload.start()
  }

  uploaded(): void {
    this.#upload = null
    this.#sent()
  }

  unreadable(refusal: Refusal): void {
    this.#fail(refusalOf(refusal).code, refusal.detail)
  }

  /** The app takes bytes again. */
  drained(): void {
    this.#errand.connection.resume()
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    this.#taken = -1
    if (this.#phase === answering) this.#errand.connection.deadline = until(this.#errand.door.clock, this.#route.idle)
    this.#link?.socket.resume()
  }

  interim(head: Head): void {
    // A connection that speaks has not gone stale.
    this.#reused = false
    passInterim(head, this.#errand)
  }

  responded(head: Head, framing: Framing): void {
    const { connection, head: request, asked, mayPersist } = this.#errand
    if (this.#errand.trial?.declines(head.status)) return this.#fail('bad-response', 'The version on trial failed.')
    this.#phase = answering
    this.#errand.kept?.release()
    connection.deadline = Number.POSITIVE_INFINITY
    // RFC 9110 §15.3.6: a 205 has no content; what an app sends with it all the same is read and dropped.
    this.#discards = head.status === 205
    const back = this.#discards ? EMPTY : reframe(framing, request.minor)
    this.#closeDelimited = back.kind === 'close'
    // An app that answers an upload before its end may leave the rest of it in the way of the next request.
    this.#persist = mayPersist && connection.bodyRead && back.kind !== 'close' && persists(request, asked.options)
    const says = this.#persist ? (request.minor === 0 ? 'keep-alive' : '') : 'close'
    this.#errand.status = head.status
    connection.out.response(head, responseOut(head, this.#errand, back, says))
    if (framing.kind !== 'length') this.#parting = partingOf(head, request)
  }

  data(bytes: Buffer, start: number, end: number): void {
    if (this.#discards) return
    const until = this.#parting === null ? end : this.#parting.toClient(bytes, start, end)
    this.traffic.out += until - start
    this.#errand.connection.out.data(bytes, start, until)
  }

  whole(trailers: Head | null): void {
    this.#whole = true
    if (!this.#discards) this.#errand.connection.out.last(this.#errand.asked.trailers ? trailers : null)
  }

  flush(): boolean {
    const { connection, door } = this.#errand
    const more = this.#whole && connection.ahead === 0 ? connection.out.flushSoon() : connection.out.flush()
    this.#taken = -1
    if (this.#phase === tunnelling) this.#passed()
    else if (!more) this.#taken = awaitClient(this.#errand)
    else if (this.#phase === answering && this.#route.idle > 0)
      connection.deadline = door.clock.now() + this.#route.idle
    if (this.#whole && !connection.bodyRead) {
      connection.stopBody()
      this.#link?.abandon()
    } else if (this.#parts) this.#part()
    return more
  }

  switched(head: Head): boolean {
    const { connection, asked } = this.#errand
    const protocol = acceptedProtocol(head, asked.upgrade)
    if (protocol === '') return false
    this.#phase = tunnelling
    this.#errand.status = 101
    this.#watchTunnel()
    if (protocol === 'websocket') this.#parting = new WebSocketParting()
    connection.out.response(head, switchOut(head, this.#errand, protocol))
    // What the client sent early was held for this moment.
    if (this.#link === null) return false
    connection.readAll(new Inbound(this.#link, this.traffic, this.#parting, () => this.#passed()))
    return true
  }

  /** The app ended its side of the tunnel: the client hears of it and may go on. */
  finished(): void {
    this.#errand.connection.socket.end()
  }

  clientClosed(): void {
    this.#sideClosed(this.#link?.socket)
  }

  released(): void {
    this.#link = null
    this.#phase = leaving
    const { connection } = this.#errand
    if (connection.out.isEmpty) return this.#done()
    // What it got so far stays in flight until it has it: an app that drains is not done before.
    this.#taken = awaitClient(this.#errand)
    connection.out.emptied(() => this.#done())
  }

  lost(code: ErrorCode, detail: string, silent: boolean): void {
    this.#link = null
    if (this.#phase === tunnelling) this.#sideClosed(this.#errand.connection.socket)
    else this.#fail(code, detail, silent)
  }

  #sideClosed(other: Socket | undefined): void {
    if (++this.#closed === 2 || other === undefined) return this.#done()
    endSoon(other)
  }

  #part(): void {
    this.#parts = true
    const { connection, door, mayPersist } = this.#errand
    if (this.#parting === null || this.#link === null || this.#phase > tunnelling || this.#whole) return
    connection.out.flush()
    const step = this.#parting.part(connection.socket, this.#link.socket, !mayPersist)
    if (step === 'leaving') connection.deadline = door.clock.now() + lingering
    if (step !== 'over') return
    connection.out.last(null)
    connection.out.flush()
    this.#link.destroy()
    this.released()
  }

  #sent(): void {
    if (this.#phase <= awaiting) {
      this.#phase = awaiting
      this.#errand.connection.deadline = until(this.#errand.door.clock, this.#route.response)
    }
    this.#link?.sent()
  }

  /** Bytes went through the tunnel. */
  #passed(): void {
    if (this.#parts) this.#part()
    else this.#watchTunnel()
  }

  #watchTunnel(): void {
    this.#errand.connection.deadline = until(this.#errand.door.clock, this.#errand.door.timeouts.tunnel)
  }

  #done(): void {
    if (this.#phase === over) return
    this.#phase = over
    if (this.#total) clearTimeout(this.#total)
    this.#errand.ended(null, this.#persist)
  }

  #fail(code: ErrorCode, detail: string, silent = true): void {
    if (this.#phase === over) return
    const { connection } = this.#errand
    // What the app spoilt before the client heard any of it is no answer yet: a 502 is the more honest one.
    const isRecalled = this.#phase === answering && connection.out.recall()
    if (isRecalled) this.#errand.status = this.traffic.out = 0
    const phase = isRecalled ? awaiting : this.#phase
    this.stop()
    connection.deadline = Number.POSITIVE_INFINITY
    if (phase >= answering) connection.abort(this.#closeDelimited)
    this.#errand.ended(failureIn(phase, isRecalled, { code, detail, silent, reused: this.#reused }), false)
  }
}
