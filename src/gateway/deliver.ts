import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { mapFields, type Mapping } from '../http/mapping.ts'
import { requestFields, responseFields, valuesOf } from '../http/rewrite.ts'
import { joinPath, stripPrefix } from '../http/target.ts'
import { admit, type Ask, type Refusal, subjectFor } from '../model/admission.ts'
import type { Match, Route, Upstream } from '../model/route.ts'
import type { Identity } from './auth/identify.ts'
import type { HttpClient } from './client.ts'
import { cookieName, type Door, type Story } from './door.ts'
import type { Destination, Outcome } from './relay.ts'
import { remoteOf } from './remote.ts'
import { allowed, type Head, note, refusal, type Verdict } from './verdict.ts'

/** How soon an instance that refused a connection is tried again while no other is offered. */
const retryAfter = 250
/** After an instance broke off in silence: how long the news of its death may take to be seen at its port. */
const deathTime = 25

/** Where one try of a request goes and how the two worlds map onto each other there. */
interface Aim {
  readonly match: Match
  readonly upstream: Upstream | null
  readonly to: Destination
  readonly host: string
  readonly base: string
  readonly own: readonly string[]
}

/**
 * Brings a request to its app: admits it, holds it while the app is not ready, sends it, and sends it again where that
 * is safe (design rule: never twice to an instance that may have acted on it, unless RFC 9110 §9.2.2 allows).
 */
export async function deliver(
  client: HttpClient,
  door: Door,
  story: Story,
  head: Head,
  identity: Identity,
): Promise<Verdict> {
  const { caller } = identity
  const about = { method: client.method, host: head.own.name, path: head.path, query: head.query, caller }
  const avoid = new Set<number>()
  let replayed = false
  for (;;) {
    const ask: Ask = { ...about, held: story.held, avoid }
    const decision = admit(ask, door.index, door.clock.now())
    if (decision.kind === 'refuse') return decision
    if (door.closing) return refusal('shutting-down', 'The gateway is shutting down.', 2)
    const route = 'match' in decision ? decision.match.route : decision.route
    story.app = route.app
    if (decision.kind === 'redirect') return { status: 308, fields: [['Location', decision.to]], body: '' }
    if (decision.kind === 'hold') {
      const over = await hold(client, door, story, route, decision.for, avoid)
      if (over) return over
      continue
    }
    // RFC 9110 §7.6.2: with nothing left to count, the answer is ours to give.
    if (client.method === 'OPTIONS' && valuesOf(client.fields, 'max-forwards')[0] === '0')
      return { status: 204, fields: [['Allow', allowed]], body: '' }

    const aim =
      decision.kind === 'remote'
        ? aimRemote(decision.match, decision.url)
        : aimRun(decision.match, choose(decision.upstreams, door))
    const outcome = await send(client, door, story, head, identity, aim)
    if (outcome.kind === 'answered') return 'served'
    if (client.left.aborted) return 'served'
    const again = await mayTryAgain(outcome, aim, { door, avoid, replayed, repeatable: isRepeatable(client, head) })
    if (again === 'no') {
      note(story, outcome.code, outcome.detail)
      return outcome.reached === 'answering' ? 'served' : { ...refusal(outcome.code, outcome.detail), route }
    }
    if (again === 'replay') replayed = true
  }
}

/** Undefined when the request may ask again. */
async function hold(
  client: HttpClient,
  door: Door,
  story: Story,
  route: Route,
  time: number,
  avoid: Set<number>,
): Promise<Verdict | undefined> {
  const { app } = route
  // Ready by the table, but it refused us: a little later it may not, or the table will know better.
  const refused = route.target.kind === 'ready'
  if (!refused) door.want(app)
  const since = door.clock.now()
  const held = await door.hold.wait(app, route.hold, refused ? Math.min(time, retryAfter) : time, client.left)
  story.held += door.clock.now() - since
  if (refused) avoid.clear()
  if (held === 'left') return 'served'
  if (held !== 'full') return undefined
  return fullRefusal(route)
}

function fullRefusal(route: Route): Refusal {
  const detail = `${route.hold.max} requests are already waiting for the app "${route.app}".`
  return { kind: 'refuse', code: 'hold-full', detail, route, retryAfter: 1 }
}

/** The least busy instance; among equals one that was not chosen last. */
function choose(upstreams: readonly Upstream[], door: Door): Upstream {
  const start = turn++ % upstreams.length
  const inTurn = [...upstreams.slice(start), ...upstreams.slice(0, start)]
  return inTurn.reduce((best, one) => (door.inflight.count(one.run) < door.inflight.count(best.run) ? one : best))
}

let turn = 0

function aimRun(match: Match, upstream: Upstream): Aim {
  const { run, host, port } = upstream
  const own = ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'].map((name) => `${name}:${port}`)
  const to = { pool: `run:${run}`, secure: false, host, port }
  return { match, upstream, to, host: '', base: '', own }
}

function aimRemote(match: Match, url: string): Aim {
  const { to, host, base } = remoteOf(url)
  return { match, upstream: null, to, host, base, own: [host, `${host}:${to.port}`] }
}

async function send(
  client: HttpClient,
  door: Door,
  story: Story,
  head: Head,
  identity: Identity,
  aim: Aim,
): Promise<Outcome> {
  const { route } = aim.match
  const prefix = route.strip ? aim.match.prefix : ''
  const run = aim.upstream?.run ?? null
  const subject = subjectFor(identity.caller, route)
  story.run = run
  const mapping: Mapping = {
    prefix,
    base: aim.base,
    own: aim.own,
    public: head.own.text.toLowerCase(),
    reserved: cookieName(door),
  }
  client.outbound = (fields) => {
    const mapped = mapFields(responseFields(fields), mapping)
    const named = mapped.some(([name]) => name.toLowerCase() === 'x-request-id')
    return named ? mapped : [...mapped, ['X-Request-Id', story.id]]
  }
  const path = joinPath(aim.base, stripPrefix(head.path, prefix))
  const fields = requestFields(client.fields, {
    method: client.method,
    host: aim.host === '' ? head.own.text : aim.host,
    publicHost: head.own.text,
    publicPort: head.own.port ?? door.port,
    client: client.address,
    prefix,
    requestId: story.id,
    traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
    subject,
    dropAuthorization: identity.authorizationIsOurs,
    cookie: cookieName(door),
  })
  using ticket = door.inflight.enter({ app: route.app, run, method: client.method, target: client.target })
  const outcome = await door.engine.relay(
    {
      to: aim.to,
      method: client.method,
      target: path + head.query,
      fields,
      framing: head.framing,
      upgrade: head.upgrade,
      expectContinue: client.expectContinue,
      client,
      timeouts: route.timeouts,
      traffic: story.traffic,
    },
    AbortSignal.any([client.left, ticket.signal]),
  )
  // A failure before the response head leaves the client to us; what it got so far stays in flight until it has it.
  if (outcome.kind === 'answered' && client.status !== 101) await client.done
  return outcome
}

/** RFC 9110 §9.2.1: safe, and with nothing of the body used up. */
function isRepeatable({ method }: HttpClient, { framing }: Head): boolean {
  const safe = method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
  return safe && (framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0))
}

interface Chances {
  readonly door: Door
  readonly avoid: Set<number>
  readonly replayed: boolean
  readonly repeatable: boolean
}

/** `again`: nothing was sent. `replay`: it was, and may be sent once more. */
async function mayTryAgain(
  outcome: Outcome & { kind: 'failed' },
  { upstream, to }: Aim,
  { door, avoid, replayed, repeatable }: Chances,
): Promise<'again' | 'replay' | 'no'> {
  if (upstream && (outcome.code === 'unreachable' || outcome.code === 'connection-lost'))
    door.report({ type: 'suspect', run: upstream.run })
  if (outcome.reached === 'nothing') {
    if (!upstream || (outcome.code !== 'unreachable' && outcome.code !== 'cut')) return 'no'
    avoid.add(upstream.run)
    return 'again'
  }
  if (outcome.reached !== 'sent' || !outcome.silent || !repeatable || replayed) return 'no'
  if (outcome.code === 'cut' && upstream) {
    avoid.add(upstream.run)
    return 'replay'
  }
  if (outcome.code !== 'connection-lost') return 'no'
  if (outcome.reused) {
    // It closed an idle connection just as we used it (RFC 9112 §9.3.1): the others of that age are no better.
    door.engine.dropIdle(to.pool)
    return 'replay'
  }
  if (!upstream || !(await hasFallen(upstream))) return 'no'
  avoid.add(upstream.run)
  return 'replay'
}

/** Whether nobody listens any more where an instance listened: tells a death from an app that just hangs up. */
async function hasFallen({ host, port }: Upstream): Promise<boolean> {
  await delay(deathTime)
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 })
    const settle = (fallen: boolean): void => {
      socket.destroy()
      resolve(fallen)
    }
    socket.once('connect', () => settle(false))
    socket.once('timeout', () => settle(false))
    socket.on('error', () => settle(true))
  })
}
