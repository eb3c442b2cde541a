import { randomUUID } from 'node:crypto'

import { persists } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import { isSafe } from '../http/method.ts'
import type { Refusal as Unread } from '../http/refusal.ts'
import type { Reply } from '../http/replies.ts'
import { hostOf } from '../http/request-target.ts'
import { maskTarget } from '../http/target.ts'
import { type ErrorCode, errors } from '../lib/errors.ts'
import { admit, type Ask, type Refusal, subjectFor } from '../model/admission.ts'
import type { Match, Route, Upstream } from '../model/route.ts'
import type { Exchange as Entry } from '../observe/journal.ts'
import { answerOf, replyBytes } from './answer.ts'
import { type Identity, identify } from './auth/identify.ts'
import type { Connection, Served } from './connection.ts'
import { Delivery, type Errand } from './delivery.ts'
import type { Door } from './door.ts'
import type { Flight } from './inflight.ts'
import { serveOwn, type Visitor } from './own.ts'
import { type Asked, readRequest } from './read-head.ts'
import type { Failure } from './relay.ts'
import type { Patron } from './remote-client.ts'
import { relayRemote } from './remote.ts'
import { type Chances, choose, mayTryAgain } from './retry.ts'
import { allowed, isLast, refusal, refusalOf } from './verdict.ts'

/** How soon an instance that refused a connection is tried again while no other is offered. */
const retryAfter = 250
/** An unread body up to this size is read and dropped, so that the connection can serve on. */
const maxUnread = 1024 * 1024

/**
 * The life of a request, from its head to its one journal entry, through phases whose order is the design: the head,
 * what is the gateway's own, who it is, route and permission, hold, in flight, the try at an instance, the next try.
 * Where nothing has to be waited for, all of it happens in one call of `begin`: without a promise, a timer or a closure.
 */
export class Exchange implements Served, Errand, Patron, Visitor, Flight {
  readonly id: string = randomUUID()
  readonly connection: Connection
  readonly head: Head
  readonly method: string
  readonly since: number
  readonly traffic: { in: number; out: number } = { in: 0, out: 0 }
  readonly now: () => number
  asked: Asked = nothingAsked
  app = ''
  run: number | null = null
  status = 0
  slot = -1
  prefix = ''
  subject: string | null = null
  dropAuthorization = false
  /** The authority the client used. */
  authority = ''
  instance = ''
  /** Of a response relayed from a host we do not run: whether the connection may serve on, and who waits for `drain`. */
  persist = false
  drain: (() => void) | null = null
  /** Of the instance, for what it says of itself. */
  port = 0
  readonly #door: Door
  readonly #at: number
  #who: string | null = null
  #identity: Identity = nobody
  #held = 0
  #error: Entry['error'] = null
  #route: Route | null = null
  #delivery: Delivery | null = null
  #avoid: Set<number> | null = null
  #replayed = false
  #over = false
  #gone: AbortController | null = null

  constructor(door: Door, connection: Connection, head: Head) {
    this.#door = door
    this.connection = connection
    this.head = head
    this.method = head.methodText()
    this.since = door.clock.now()
    this.#at = door.clock.wall()
    this.now = door.clock.now
  }

  get cookie(): string {
    return this.#door.cookie
  }

  get publicPort(): number {
    return this.#door.port
  }

  get target(): string {
    return this.asked.target
  }

  get mayPersist(): boolean {
    return !this.#door.closing
  }

  /** Aborted with an ErrorCode when the exchange has to end; for what cannot be told by a call. */
  get gone(): AbortSignal {
    return (this.#gone ??= new AbortController()).signal
  }

  begin(): void {
    try {
      this.#pass()
    } catch (error) {
      this.failed(error)
    }
  }

  #pass(): void {
    const { connection, head } = this
    const door = this.#door
    // 1 the head, strictly; nothing is repaired
    const asked = readRequest(head)
    if (asked.kind === 'refusal') {
      this.asked = { ...nothingAsked, target: head.text(head.targetStart, head.targetEnd) }
      return this.refuse(refusalOf(asked))
    }
    this.asked = asked
    connection.expectBody(asked.framing)
    const authority = head.text(head.authorityStart, head.authorityEnd)
    if (authority !== connection.lastAuthority || connection.lastHost === '') {
      connection.lastAuthority = authority
      connection.lastHost = hostOf(head)
    }
    this.authority = authority
    if (head.form === 'asterisk') return this.reply(options)
    // 2 what is the gateway's own
    if (asked.path.startsWith('/-') && serveOwn(this, door)) return
    if (door.closing) return this.refuse(closing)
    // 3 who it is
    const upgrade = asked.upgrade !== ''
    this.#identity = identify({ head, upgrade, cookie: door.cookie, now: this.since }, door.credentials, door.sessions)
    const { caller } = this.#identity
    if (caller.kind === 'known') this.#who = caller.subject
    this.#attempt(this.since)
  }

  /** 4 route, permission, target. Each try begins here, so that it goes where the table says now. */
  #attempt(now: number): void {
    const door = this.#door
    const { asked, connection, method } = this
    const { caller } = this.#identity
    const ask: Ask = {
      method,
      host: connection.lastHost,
      path: asked.path,
      query: asked.query,
      caller,
      held: this.#held,
      avoid: this.#avoid ?? none,
    }
    const decision = admit(ask, door.index, now)
    if (decision.kind === 'refuse') return this.refuse(decision)
    if (door.closing) return this.refuse(closing)
    const route = 'match' in decision ? decision.match.route : decision.route
    this.app = route.app
    this.#route = route
    if (decision.kind === 'redirect') return this.reply({ status: 308, fields: [['Location', decision.to]], body: '' })
    if (decision.kind === 'hold') return void this.#hold(route, decision.for).catch((error) => this.failed(error))
    // RFC 9110 §7.6.2: with nothing left to count, the answer is ours to give.
    if (asked.hops === 0) return this.reply(options)
    if (decision.kind === 'remote') return this.#sendRemote(decision.match, decision.url)
    this.#send(decision.match, choose(decision.upstreams, door.inflight), now)
  }

  /** Waits for the app, and asks again. */
  async #hold(route: Route, time: number): Promise<void> {
    const { hold, want } = this.#door
    // Ready by the table, but it refused us: a little later it may not, or the table will know better.
    const refused = route.target.kind === 'ready'
    if (!refused) want(route.app)
    const since = this.now()
    const held = await hold.wait(route.app, route.hold, refused ? Math.min(time, retryAfter) : time, this.gone)
    const now = this.now()
    this.#held += now - since
    if (this.#over) return
    if (refused) this.#avoid?.clear()
    if (held !== 'full') return this.#attempt(now)
    const detail = `${route.hold.max} requests are already waiting for the app "${route.app}".`
    this.refuse({ kind: 'refuse', code: 'hold-full', detail, route, retryAfter: 1 })
  }

  /** 5 in flight; 6 the try */
  #send(match: Match, upstream: Upstream, now: number): void {
    this.#aim(match, upstream.run)
    this.port = upstream.port
    this.instance = `${upstream.host}:${upstream.port}`
    const delivery = new Delivery(this, upstream, this.#door.upstreams.poolOf(upstream), match.route.timeouts)
    this.#delivery = delivery
    this.#door.inflight.enter(this)
    delivery.start(now)
  }

  #sendRemote(match: Match, url: string): void {
    this.#aim(match, null)
    this.#door.inflight.enter(this)
    relayRemote(this, this.#door.remotes, url, match).then(
      (outcome) => this.ended(outcome.kind === 'failed' ? outcome : null, this.persist),
      (error: unknown) => this.failed(error),
    )
  }

  #aim({ route, prefix }: Match, run: number | null): void {
    this.prefix = route.strip ? prefix : ''
    this.run = run
    this.subject = subjectFor(this.#identity.caller, route)
    this.dropAuthorization = this.#identity.authorizationIsOurs
  }

  /** 7 the outcome of a try */
  ended(failure: Failure | null, persist: boolean): void {
    const door = this.#door
    door.inflight.leave(this)
    if (this.#over) return
    if (failure === null) return this.#finish(persist)
    const upstream = this.#delivery?.upstream ?? null
    this.#delivery = null
    const replayed = this.#replayed
    const chances: Chances = {
      upstream,
      avoid: (this.#avoid ??= new Set()),
      replayed,
      repeatable: this.#isRepeatable(),
    }
    const again = mayTryAgain(failure, chances, door)
    if (typeof again === 'string') return this.#settle(again, failure)
    again.then(
      (later) => this.#over || this.#settle(later, failure),
      (error: unknown) => this.failed(error),
    )
  }

  #settle(again: 'again' | 'replay' | 'no', failure: Failure): void {
    if (again === 'replay') this.#replayed = true
    if (again !== 'no') return this.#attempt(this.now())
    this.note(failure.code, failure.detail)
    if (failure.reached === 'answering') return this.#finish(false)
    this.refuse({ ...refusal(failure.code, failure.detail), route: this.#route })
  }

  /** Tells the client what we decided ourselves, in the form it reads best. */
  refuse(refused: Refusal): void {
    this.note(refused.code, refused.detail)
    if (refused.route) this.app = refused.route.app
    this.reply(answerOf(refused, this), isLast(refused.code))
  }

  /** A response of our own. */
  reply(reply: Reply, last = false): void {
    const { connection, head, asked } = this
    connection.stopBody()
    connection.deadline = Number.POSITIVE_INFINITY
    const unread = connection.bodyRead ? 0 : asked.framing.kind === 'length' ? asked.framing.length : 1
    const persist =
      !last && this.mayPersist && unread <= maxUnread && !(unread > 0 && asked.expects) && persists(head, asked.options)
    const says = persist ? (head.minor === 0 ? 'keep-alive' : '') : 'close'
    this.status = reply.status
    const isHead = this.method === 'HEAD'
    if (!isHead) this.traffic.out = Buffer.byteLength(reply.body)
    connection.socket.write(replyBytes(reply, this.id, says, isHead), () => this.#finish(persist))
  }

  /** Who it turned out to be, on the gateway's own pages. */
  signedIn(subject: string): void {
    this.#who = subject
  }

  note(code: ErrorCode, detail: string): void {
    this.#error = { code, source: errors[code].source, detail }
  }

  /** A mistake of ours: told in the journal, and to the client if it has heard nothing yet. */
  failed(error: unknown): void {
    if (this.#over) return
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#delivery?.stop()
    if (this.status === 0) {
      this.refuse(refusal('internal', 'The gateway failed; its log has more.'))
      this.note('internal', detail)
    } else {
      this.note('internal', detail)
      this.connection.abort(true)
      this.#finish(false)
    }
  }

  cut(): void {
    if (this.#delivery) this.#delivery.cut()
    else this.#abort('cut')
  }

  left(): void {
    if (this.#over) return
    if (this.status === 101) return this.#delivery?.clientClosed()
    this.#delivery?.stop()
    if (this.#error?.source !== 'app')
      this.note('client-left', 'The client closed the connection before the response was complete.')
    this.#abort('client-left')
    this.#finish(false)
  }

  late(now: number): void {
    this.#delivery?.late(now)
  }

  drained(): void {
    this.#delivery?.clientDrained()
    const { drain } = this
    this.drain = null
    drain?.()
  }

  /** The body of a request that is not relayed cannot be read on. */
  unreadable(refused: Unread): void {
    this.refuse(refusalOf(refused))
  }

  #abort(code: ErrorCode): void {
    this.#gone ??= new AbortController()
    this.#gone.abort(code)
  }

  /** RFC 9110 §9.2.1: safe, and with nothing of the body used up. */
  #isRepeatable(): boolean {
    const { framing } = this.asked
    return isSafe(this.head.method) && (framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0))
  }

  /** Its one journal entry, and the connection goes on. */
  #finish(persist: boolean): void {
    if (this.#over) return
    this.#over = true
    const { connection, traffic, asked } = this
    this.#door.inflight.leave(this)
    this.#door.journal.write({
      type: 'exchange',
      id: this.id,
      at: this.#at,
      client: connection.address,
      subject: this.#who,
      app: this.app === '' ? null : this.app,
      run: this.run,
      method: this.method,
      host: this.authority,
      target: maskTarget(asked.target),
      status: this.#error?.code === 'client-left' ? 499 : this.status,
      bytesIn: traffic.in,
      bytesOut: traffic.out,
      took: this.now() - this.since,
      held: this.#held,
      error: this.#error,
    })
    if (this.status === 101) return
    if (persist && !this.#door.closing) connection.next()
    else connection.close()
  }
}

const none: ReadonlySet<number> = new Set()
const nobody: Identity = { caller: { kind: 'anonymous' }, authorizationIsOurs: false }
const options: Reply = { status: 204, fields: [['Allow', allowed]], body: '' }
const closing = refusal('shutting-down', 'The gateway is shutting down.', 2)
const nothingAsked: Asked = {
  kind: 'asked',
  target: '',
  path: '',
  query: '',
  framing: { kind: 'none', length: -1 },
  options: 0,
  expects: false,
  upgrade: '',
  trailers: false,
  hops: -1,
}
