import { type Mutant, mutant } from './mutant.ts'

const connection = 'gateway/connection.ts'
const delivery = 'gateway/delivery.ts'
const upload = 'gateway/upload.ts'
const gateway = 'gateway/gateway.ts'
const inflight = 'gateway/inflight.ts'
const admission = 'model/admission.ts'
const own = 'gateway/own.ts'
const errors = 'lib/errors.ts'
const answer = 'gateway/answer.ts'
const identify = 'gateway/auth/identify.ts'

const first = 'this.deadline = front.clock.now() + front.timeouts.head'
const further = 'this.deadline = this.#front.clock.now() + this.#front.timeouts.head'
const stuck = "return course.stuck >= timeouts.stall ? { code: 'response-timeout', detail } : null"

export const lifecycle: readonly Mutant[] = [
  mutant(
    113,
    'a head may take its time',
    [connection, first, 'this.deadline = Number.POSITIVE_INFINITY'],
    [connection, further, 'this.deadline = Number.POSITIVE_INFINITY'],
  ),
  mutant(113, 'the second head may take its time', [connection, further, 'void 0']),
  mutant(113, 'a connection may say nothing', [connection, first, 'this.deadline = Number.POSITIVE_INFINITY']),
  mutant(113, 'every byte of a head gives more time', [
    connection,
    "if (step !== 'done') return false",
    "if (step === 'more') this.deadline = this.#front.clock.now() + this.#front.timeouts.head\n    if (step !== 'done') return false",
  ]),
  mutant(114, 'a body may take its time', [
    upload,
    'clock.now() + lookAgain(door.timeouts)',
    'clock.now() + lookAgain(door.timeouts) * 1e6',
  ]),
  mutant(114, 'one byte now and then is enough', [
    upload,
    'const enough = isChunked ? 1 : (timeouts.bodyRate * time) / 1_000',
    'const enough = isChunked ? 1 : 1',
  ]),
  mutant(114, 'an app may take nothing for ever', [upload, stuck, 'return null']),
  mutant(114, 'an app that reads nothing is the fault of the client', [
    upload,
    'if (isPaused) {',
    'if (isPaused && fresh > 1e12) {',
  ]),
  mutant(115, 'an idle connection stays open', [
    connection,
    '(this.#inbox.size > 0 ? head : keepAlive)',
    '(this.#inbox.size > 0 ? head : keepAlive * 1e6)',
  ]),
  mutant(115, 'a connection is closed at once', [
    connection,
    '(this.#inbox.size > 0 ? head : keepAlive)',
    '(this.#inbox.size > 0 ? head : keepAlive * 0)',
  ]),
  mutant(
    115,
    'a connection with a request in flight is idle',
    [connection, 'if (this.served !== null) return this.served.late()', ''],
    [
      delivery,
      'until(this.#errand.door.clock, this.#route.response)',
      'this.#errand.door.clock.now() + this.#errand.door.timeouts.keepAlive',
    ],
  ),
  mutant(116, 'an idle connection is kept as long as the app keeps it', [
    'gateway/idle.ts',
    'const usual = 4_000',
    'const usual = 5_500',
  ]),
  mutant(116, 'nobody listens to Keep-Alive', [
    'gateway/idle.ts',
    'if (seconds === -1) return wanted ?? usual',
    'if (seconds !== -2) return wanted ?? usual',
  ]),
  mutant(117, 'a draining run is empty at once', [
    inflight,
    'for (const run of runs) if (this.count(run) === 0) this.#empty(run)',
    'for (const run of runs) this.#empty(run)',
  ]),
  mutant(117, 'connections of a run that left stay', [gateway, 'for (const run of left) upstreams.retire(run)', '']),
  mutant(117, 'a run that left gets new requests', [
    gateway,
    'changeIndex(this.#index, routes)',
    'if (this.#index.byHost.size === 0) changeIndex(this.#index, routes)',
  ]),
  mutant(117, 'a stream is not in flight', [
    inflight,
    'if (flight.run !== null) this.#counts.set(flight.run, this.count(flight.run) + 1)',
    '',
  ]),
  mutant(117, 'a stream cannot be cut', [inflight, 'for (const flight of this.on(run)) flight.cut()', '']),
  mutant(117, 'any number of requests waits', [
    'gateway/hold.ts',
    'const giveBack = this.#places.take(app, settings.max)',
    'const giveBack = this.#places.take(app, 1e9)',
  ]),
  mutant(117, 'nobody who waits is told', [gateway, 'hold.wake(names)', '']),
  mutant(118, 'there may be any number of attempts', [own, 'if (wait > 0) {', 'if (wait > 1e12) {']),
  mutant(118, 'it is not said when to come again', [
    own,
    'try again in ${seconds} s.`, seconds)',
    'try again in ${seconds} s.`)',
  ]),
  mutant(118, 'the time is rounded down', [
    own,
    'const seconds = Math.ceil(wait / 1000)',
    'const seconds = Math.floor(wait / 1000)',
  ]),
  mutant(118, 'the bucket never fills again', ['gateway/auth/attempts.ts', '(now - failure.at) / refill', '0']),
  mutant(118, 'too many attempts are a 403', [
    errors,
    "'too-many-attempts': client(429",
    "'too-many-attempts': client(403",
  ]),
  mutant(119, 'an app that cannot answer is a 502', [errors, 'closed: { status: 503', 'closed: { status: 502']),
  mutant(119, 'nobody is told when an app rests no more', [
    admission,
    'const seconds = Math.max(1, Math.ceil(wait / 1000))',
    'const seconds = Math.max(1, Math.ceil(wait / 1e9))',
  ]),
  mutant(119, 'every request wakes a resting app', [
    'gateway/create-door.ts',
    'if (now - (wanted.get(app) ?? Number.NEGATIVE_INFINITY) < wantEvery) return',
    '',
  ]),
  mutant(119, 'any number of requests waits for a connection', [
    'gateway/pool.ts',
    '!this.#slots.admit(max, queue)',
    '!this.#slots.admit(max, 1e9)',
  ]),
  mutant(119, 'there may be any number of connections', ['gateway/pool.ts', 'slots.take(max)', 'slots.take(1e9)']),
  mutant(119, 'nobody who waits for a connection gets a free one', ['gateway/pool.ts', 'next.linked(link)', '']),
  mutant(119, 'who waited too long for a connection is told of a slow app', [
    'gateway/pool.ts',
    "this.#queue.has(user) ? 'busy' : 'connect-timeout'",
    "this.#queue.has(user) ? 'connect-timeout' : 'connect-timeout'",
  ]),
  mutant(119, 'who finds no connection is not told when to come', [
    'gateway/verdict.ts',
    "code === 'busy' ? 1 : null",
    'null',
  ]),
  mutant(120, 'nobody needs a credential', [
    admission,
    "if (match?.route.auth !== 'none') {",
    "if (match?.route.auth === 'none') {",
  ]),
  mutant(120, 'who has no credential learns what there is', [
    admission,
    "if (match?.route.auth !== 'none') {",
    "if (match && match.route.auth !== 'none') {",
  ]),
  mutant(120, 'OPTIONS needs no credential', [
    admission,
    "if (match?.route.auth !== 'none') {",
    "if (match?.route.auth !== 'none' && ask.method !== 'OPTIONS') {",
  ]),
  mutant(120, 'a 401 names no scheme', [answer, "code === 'unauthenticated'\n", "code === 'bad-host'\n"]),
  mutant(120, 'a Bearer is not looked at', [
    identify,
    'if (byBearer) return { caller: toCaller(byBearer), authorizationIsOurs: true }',
    '',
  ]),
  mutant(120, 'a Bearer of ours reaches the app', [
    identify,
    'if (byBearer) return { caller: toCaller(byBearer), authorizationIsOurs: true }',
    'if (byBearer) return { caller: toCaller(byBearer), authorizationIsOurs: false }',
  ]),
  mutant(120, 'a token reaches the app', [
    'gateway/outgoing.ts',
    'if (name === X_API_TOKEN || (dropAuthorization',
    'if ((dropAuthorization',
  ]),
  mutant(120, 'tokens are compared byte by byte', [
    'gateway/auth/tokens.ts',
    'if (timingSafeEqual(one.digest, digest))',
    'if (one.digest.equals(digest))',
  ]),
  mutant(120, 'the first token that fits ends the comparison', [
    'gateway/auth/tokens.ts',
    'if (timingSafeEqual(one.digest, digest)) found ??= one',
    'if (timingSafeEqual(one.digest, digest)) return one',
  ]),
  mutant(120, 'sessions are compared byte by byte', [
    'gateway/auth/sessions.ts',
    'if (timingSafeEqual(mac, Buffer.from(this.#mac(stem, one.digest))))',
    'if (mac.equals(Buffer.from(this.#mac(stem, one.digest))))',
  ]),
  mutant(121, 'an error is plain text', [
    'http/replies.ts',
    "reply(problem, 'application/problem+json'",
    "reply(problem, 'text/plain'",
  ]),
  mutant(121, 'an error does not say which request', [
    'http/replies.ts',
    'instance: problem.requestId',
    'about: problem.requestId',
  ]),
  mutant(121, 'the length counts characters too few', [
    answer,
    'Content-Length: ${byteLength(body)}',
    'Content-Length: ${byteLength(body) - 1}',
  ]),
  mutant(121, 'the answer to HEAD has a body', [
    answer,
    "return isHead || body === '' ? start",
    "return body === '' ? start",
  ]),
  mutant(121, 'the answer to HEAD has no length', [
    answer,
    'if (status !== 204) head +=',
    'if (status !== 204 && !isHead) head +=',
  ]),
  mutant(121, 'a malformed head is not answered', [
    'gateway/turn-away.ts',
    "connection.socket.write(replyBytes(reply, id, 'close', false))",
    '',
  ]),
]
