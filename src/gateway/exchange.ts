import { CLOSE_OPTION } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import type { Reply } from '../http/replies.ts'
import type { ErrorCode } from '../lib/errors.ts'
import { admit, type Ask, type Refusal, subjectFor, wishes } from '../model/admission.ts'
import type { Match, Route, Upstream } from '../model/route.ts'
import { answerOf, writeReply } from './answer.ts'
import { type Identity, identify, nobody } from './auth/identify.ts'
import type { Connection } from './connection.ts'
import { Delivery } from './delivery.ts'
import type { Door } from './door.ts'
import type { Errand } from './errand.ts'
import { gather, isInDoubt, tooSlow } from './gather.ts'
import type { Held, Hold } from './hold.ts'
import type { Flight } from './inflight.ts'
import type { Kept } from './keep.ts'
import { asksForListing, listing } from './listing.ts'
import { serveOwn, type Visitor } from './own.ts'
import { authorityOf } from './outgoing.ts'
import { type Asked, nothingAsked, readRequest, unreadAsked } from './read-head.ts'
import type { Failure } from './relay.ts'
import type { Patron, RemoteClient } from './remote-client.ts'
import { relayRemote } from './remote.ts'
import { type Again, choose, none, retryAfter, Tries, type Tried } from './retry.ts'
import type { Served } from './served.ts'
import { Story } from './story.ts'
import type { Try } from './trials.ts'
import { closing, holdFull, isLast, lost, methods, refusal, refusalOf } from './verdict.ts'

/**
 * The life of a request, from its head to its one journal entry, through phases whose order is the design: the head,
 * what is the gateway's own, who it is, route and permission, hold, in flight, the try at an instance, the next try.
 * Where nothing has to be waited for, all of it happens in one call of `begin`: without a promise, a timer or a closure.
 */
export class Exchange implements Served, Errand, Patron, Visitor, Flight, Tried {
  readonly story: Story
  readonly id: string
  readonly since: number
  readonly door: Door
  readonly connection: Connection
  readonly head: Head
  readonly method: string
  readonly traffic: { in: number; out: number }
  asked: Asked = nothingAsked
  app = ''
  run: number | null = null
  status = 0
  slot = -1
  target = ''
  prefix = ''
  subject: string | null = null
  dropAuthorization = false
  /** The authority the client used. */
  authority = ''
  instance = ''
  /** While it is relayed to a host we do not run. */
  remote: RemoteClient | null = null
  /** Set while the app has a version on trial. */
  trial: Try | null = null
  kept: Kept | null = null
  /** Of the instance, for what it says of itself. */
  port = 0
  #identity: Identity = nobody
  #route: Route | null = null
  #delivery: Delivery | null = null
  #tries: Tries | null = null
  #over = false
  #gone: AbortController | null = null

  constructor(door: Door, connection: Connection, head: Head) {
    this.door = door
    this.connection = connection
    this.head = head
    this.method = head.methodText()
    this.story = new Story(door.clock)
    this.id = this.story.id
    this.since = this.story.since
    this.traffic = this.story.traffic
  }

  get mayPersist(): boolean {
    return !(this.door.closing || this.door.leaving)
  }

  /** Aborted with an ErrorCode when the exchange has to end; for what cannot be told by a call. */
  get gone(): AbortSignal {
    return (this.#gone ??= new AbortController()).signal
  }

  /** What it throws is for `failed`. */
  begin(): void {
    const { connection, door, head } = this
    // 1 the head, strictly; nothing is repaired
    const asked = readRequest(head)
    if (asked.kind === 'refusal') {
      this.target = head.text(head.targetStart, head.targetEnd)
      this.asked = unreadAsked(this.target)
      return this.refuse(refusalOf(asked), true)
    }
    this.asked = asked
    this.target = asked.target
    connection.expectBody(asked.framing)
    this.authority = authorityOf(head, connection)
    if (head.form === 'asterisk') return this.reply(methods)
    // 2 what is the gateway's own
    if (asked.path.startsWith('/-') && serveOwn(this, door)) return
    if (door.closing) return this.refuse(closing)
    // 3 who it is
    const showing = { head, upgrade: asked.upgrade !== '', cookie: door.cookie, now: this.story.at }
    this.#identity = identify(showing, door.credentials, door.sessions)
    const { caller } = this.#identity
    if (caller.kind === 'known') this.story.subject = caller.subject
    this.#attempt(this.story.since)
  }

  /** 4 route, permission, target. Each try begins here, so that it goes where the table says now. */
  #attempt(now: number): void {
    const { asked, connection, door, method } = this
    const { caller } = this.#identity
    const { held } = this.story
    const avoid = this.#tries?.avoid ?? none
    const { path, query } = asked
    const ask: Ask = { method, host: connection.last.host, path, query, caller, held, avoid, was: this.#route }
    const decision = admit(ask, door.index, now)
    if (wishes(decision)) door.want(decision.route.app)
    if (decision.kind === 'refuse') {
      return asksForListing(this, decision) ? this.reply(listing(door.index, caller)) : this.refuse(decision)
    }
    if (door.closing) return this.refuse(closing)
    const route = 'match' in decision ? decision.match.route : decision.route
    this.app = route.app
    this.#route = route
    if (decision.kind === 'redirect') return this.reply({ status: 308, fields: [['Location', decision.to]], body: '' })
    if (decision.kind === 'hold') return this.#hold(route, decision.for)
    // RFC 9110 §7.6.2: with nothing left to count, the answer is ours to give.
    if (asked.hops === 0) return this.reply(methods)
    if (decision.kind === 'remote') return this.#sendRemote(decision.match, decision.url)
    this.trial = door.trials.take(route, avoid, this)
    const upstreams = this.trial?.upstreams ?? decision.upstreams
    if (route.replay !== null) this.kept ??= door.shelf.keep(route, this.head, asked)
    if (route.poison !== null || this.#tries !== null) return this.#beware(decision.match, upstreams, now)
    this.#send(decision.match, choose(upstreams, door.inflight), now)
  }

  /** Its app has suspects, or it was itself in flight at a death: those are tried one at a time. */
  #beware(match: Match, upstreams: readonly Upstream[], now: number): void {
    this.#aim(match, this.run)
    const { route } = match
    if (isInDoubt(this, route)) return gather(this, () => this.#attempt(this.door.clock.now()))
    const turn = (this.#tries ??= new Tries()).turn(this, route, upstreams, this.door)
    if (turn === 'wait') this.#wait(route, this.door.suspects.queue, route.hold.for - this.story.held, false)
    else if ('code' in turn) this.refuse(turn)
    else this.#send(match, turn, now)
  }

  /** Waits for the app. */
  #hold(route: Route, time: number): void {
    // Ready by the table, but it refused us: a little later it may not, or the table will know better.
    const refused = route.target.kind === 'ready'
    this.#wait(route, this.door.hold, refused ? Math.min(time, retryAfter) : time, refused)
  }

  #wait(route: Route, hold: Hold, time: number, refused: boolean): void {
    const since = this.door.clock.now()
    if (this.story.held === 0) this.door.coping.add(route.app, 'held')
    const waited = (held: Held): void => {
      const now = this.door.clock.now()
      this.story.held += now - since
      if (this.#over) return
      if (refused) this.#tries?.avoid.clear()
      if (held === 'full') this.refuse(holdFull(route))
      else this.#attempt(now)
    }
    const waiting = hold.wait(route.app, route.hold, time, this.gone)
    waiting.then(waited).catch((error: unknown) => this.failed(error))
  }

  /** 5 in flight; 6 the try */
  #send(match: Match, upstream: Upstream, now: number): void {
    this.#aim(match, upstream.run)
    this.port = upstream.port
    this.instance = upstream.path === undefined ? `${upstream.host}:${upstream.port}` : 'localhost'
    const pool = this.door.upstreams.poolOf(upstream, match.route.connections)
    const delivery = new Delivery(this, upstream, pool, match.route.timeouts)
    this.#delivery = delivery
    this.door.inflight.enter(this, now)
    delivery.start(now)
  }

  #sendRemote(match: Match, url: string): void {
    this.#aim(match, null)
    this.door.inflight.enter(this, this.door.clock.now())
    relayRemote(this, this.door.remotes, url, match)
  }

  #aim({ route, prefix }: Match, run: number | null): void {
    this.prefix = route.strip ? prefix : ''
    this.run = run
    this.subject = subjectFor(this.#identity.caller, route)
    this.dropAuthorization = this.#identity.authorizationIsOurs
  }

  /** 7 the outcome of a try */
  ended(failure: Failure | null, persist: boolean): void {
    const door = this.door
    door.inflight.leave(this)
    if (this.#over) return
    if (failure === null) return this.#finish(persist, true)
    const upstream = this.#delivery?.upstream ?? null
    this.#delivery = null
    const again = (this.#tries ??= new Tries()).after(failure, this, upstream, door)
    if (typeof again === 'string') return this.#settle(again, failure)
    again.then((later) => this.#settle(later, failure)).catch((error: unknown) => this.failed(error))
  }

  #settle(again: Again, failure: Failure): void {
    if (this.#over) return
    if (again !== 'no') return this.#attempt(this.door.clock.now())
    const isKnown = this.#identity.caller.kind === 'known'
    const refused = lost(failure, this.#route, this.door.losses.crashOf(this.run), isKnown)
    if (failure.reached !== 'answering') return this.refuse(refused)
    this.story.note(refused.code, refused.detail)
    this.#finish(false)
  }

  /** Tells the client what we decided, in the form it reads best; `last`, where it is not known how the body is framed. */
  refuse(refused: Refusal, last: boolean = isLast(refused.code)): void {
    this.story.note(refused.code, refused.detail)
    if (refused.route) this.app = refused.route.app
    this.reply(answerOf(refused, this), last)
  }

  /** A response of our own. */
  reply(reply: Reply, last = false): void {
    writeReply(this, reply, last, (persist) => this.#finish(persist))
  }

  /** A mistake of ours: told in the journal, and to the client if it has heard nothing yet. */
  failed(error: unknown): void {
    if (this.#over) return this.connection.served === this ? this.connection.abort(true) : undefined
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#delivery?.stop()
    this.remote?.stop()
    const isFree = this.status === 0
    if (isFree) this.refuse(refusal('internal', 'The gateway failed; its log has more.'))
    this.story.note('internal', detail)
    if (isFree) return
    this.connection.abort(true)
    this.#finish(false)
  }

  cut(): void {
    if (this.#delivery) this.#delivery.cut()
    else this.#gone?.abort('cut' satisfies ErrorCode)
  }

  retire(): void {
    this.#delivery?.retire(this.#route?.streams ?? 0)
  }

  left(): void {
    if (this.#over) return
    if (this.status === 101) return this.#delivery?.clientClosed()
    this.#delivery?.stop()
    if (this.story.error?.source !== 'app')
      this.story.note('client-left', 'The client closed the connection before the response was complete.')
    this.#gone?.abort('client-left' satisfies ErrorCode)
    this.#finish(false)
  }

  late(): void {
    if (this.#delivery) this.#delivery.late()
    else if (this.remote) this.remote.late()
    else if (this.status === 0) tooSlow(this)
    else this.connection.socket.destroy()
  }

  drained(): void {
    this.#delivery?.clientDrained()
    this.remote?.clientDrained()
  }

  /** Its one journal entry, and the connection goes on if the client was told so: when another process accepts, too. */
  #finish(persist: boolean, answered = false): void {
    if (this.#over) return
    this.#over = true
    this.#tries?.over(this.door, answered ? 'answered' : 'open')
    const { story, connection, status, door } = this
    const now = door.clock.now()
    this.kept?.release()
    door.inflight.leave(this)
    if (story.gravityOf(status) >= door.journal.least)
      door.journal.write(story.entry(connection.origin.address, this, now))
    if (status === 101) return
    if (persist && !door.closing) connection.next(now)
    else connection.close((this.asked.options & CLOSE_OPTION) !== 0)
  }
}
