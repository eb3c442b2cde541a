import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { describe, mock, test } from 'node:test'

import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { ask, hidden, known, ok, type Peer, refuses, route, startRig, token } from './kit.ts'

/** Section 7: abuse and lifecycle. Most of these wait for a limit, so they wait together. */

const anonymous = 'Host: h\r\n'

/** A clock that stands still until it is moved, in ms. */
function movableClock(): { readonly clock: Clock; move(by: number): void } {
  let now = systemClock.now()
  const wall = systemClock.wall()
  const since = now
  return { clock: { now: () => now, wall: () => wall + now - since }, move: (by) => void (now += by) }
}

/** Sends one byte after another until the connection ends; how many it took. */
async function drip(peer: Peer, bytes: string, every: number): Promise<number> {
  let sent = 0
  for (const byte of bytes) {
    if (peer.ended) break
    sent += 1
    peer.send(byte)
    await Promise.race([peer.untilEnded(60_000), new Promise((resolve) => setTimeout(resolve, every))])
  }
  return sent
}

describe('limits of time', { concurrency: true }, () => {
  test('rule 113: a head that does not come to its end in time is a 408', async () => {
    await using rig = await startRig({ limits: { head: 300 } })
    const since = performance.now()
    const peer = await rig.dial()
    const bytes = ask('GET /x', `X-A: ${'a'.repeat(200)}`)
    const sent = await drip(peer, bytes, 25)
    assert.ok(performance.now() - since > 150)
    assert.ok(sent < bytes.length, 'all of it was waited for')
    assert.equal((await peer.response()).status, 408)
    assert.equal(rig.child.peers.length, 0)
  })

  test('rule 113: the second head of a connection has the same limit', async () => {
    await using rig = await startRig({ limits: { head: 200 } })
    const peer = await rig.dial()
    peer.send(`${ask('GET /x')}GET /api`)
    assert.equal((await peer.response()).status, 200)
    await peer.untilEnded()
    assert.equal((await peer.response()).status, 408)
    // Also when it begins only after the connection was idle for a while.
    const idle = await rig.dial()
    idle.send(ask('GET /x'))
    assert.equal((await idle.response()).status, 200)
    idle.send('GET /api')
    await idle.untilEnded()
    assert.equal((await idle.response()).status, 408)
  })

  test('rule 113: a connection that says nothing is closed', async () => {
    await using rig = await startRig({ limits: { head: 200, keepAlive: 200 } })
    const peer = await rig.dial()
    await peer.untilEnded()
  })

  test('rule 114: a body that pauses too long is cut, at the app too', async () => {
    for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
      await using rig = await startRig({ limits: { body: 200 } })
      const peer = await rig.dial()
      peer.send(`${ask('POST /x', framing)}5\r\nhello\r\n`)
      await peer.untilEnded()
      assert.match(peer.received, /^(HTTP\/1\.1 408 |$)/)
      await rig.child.until(() => rig.child.peers.every(({ ended }) => ended), 'the end at the app')
      assert.equal(rig.child.requests.length, 0)
    }
  })

  test('rule 114: a body that only drips is cut', async () => {
    await using rig = await startRig({ limits: { body: 300, bodyRate: 1_000 } })
    const peer = await rig.dial()
    peer.send(ask('POST /x', 'Content-Length: 1000'))
    assert.ok((await drip(peer, 'a'.repeat(200), 25)) < 200, 'all of it was waited for')
    assert.match(peer.received, /^(HTTP\/1\.1 408 |$)/)
    assert.equal(rig.child.requests.length, 0)
  })

  test('rule 114: an app that reads nothing of a body for too long is told apart, and nothing waits for ever', async () => {
    await using rig = await startRig({ limits: { body: 100, stall: 300 } })
    rig.child.onHead = (peer) => void peer.socket.pause()
    const peer = await rig.dial()
    peer.send(ask('POST /x', 'Content-Length: 100000000'))
    peer.send('a'.repeat(20_000_000))
    await peer.untilEnded()
    assert.match(peer.received, /^(HTTP\/1\.1 504 |$)/)
  })

  test('rule 114: a body that the app does not read is not the fault of the client', async () => {
    await using rig = await startRig({ limits: { body: 200, bodyRate: 1_000 } })
    let paused: Peer | undefined
    rig.child.onHead = (peer) => {
      peer.socket.pause()
      paused = peer
      rig.child.onHead = null
    }
    const size = 16 * 1024 * 1024
    const peer = await rig.dial()
    peer.send(ask('POST /x', `Content-Length: ${size}`) + 'x'.repeat(size))
    // From when nothing moves any more, several times as long as a client may be slow.
    let left = -1
    while (left !== peer.socket.writableLength) {
      left = peer.socket.writableLength
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    await new Promise((resolve) => setTimeout(resolve, 700))
    assert.equal(peer.ended, false)
    paused?.socket.destroy()
  })

  test('rule 115: an idle connection is closed after the limit, and not before it', async () => {
    await using rig = await startRig({ limits: { keepAlive: 700 } })
    const peer = await rig.dial()
    const since = performance.now()
    peer.send(ask('GET /x'))
    await peer.response()
    await peer.untilEnded()
    assert.ok(performance.now() - since > 500)
    assert.equal(peer.rest(), '')
  })

  test('rule 115: a connection with a request in flight is not idle', async () => {
    await using rig = await startRig({ limits: { keepAlive: 100, head: 100, body: 100 }, script: () => undefined })
    const peer = await rig.dial()
    peer.send(ask('GET /x'))
    await rig.child.request()
    await new Promise((resolve) => setTimeout(resolve, 500))
    rig.child.peers[0]?.send(ok)
    assert.equal((await peer.response()).body, 'ok')
  })

  test('rule 116: an idle connection to an app is closed before the app closes it', async () => {
    const hint = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok'
    await using told = await startRig({ script: () => hint })
    await using untold = await startRig()
    await Promise.all([told.say(ask('GET /x')), untold.say(ask('GET /x'))])
    const since = performance.now()
    await told.child.until(() => told.child.peers[0]?.ended, 'the close of the connection', 2_000)
    assert.ok(performance.now() - since < 2_000)
    await untold.child.until(() => untold.child.peers[0]?.ended, 'the close of the connection', 5_000)
    assert.ok(performance.now() - since < 5_000)
  })
})

test('rule 117: a draining run gets nothing new and ends what it has', async () => {
  // Idle for so long that only the end of the run closes its connections.
  const connections = { max: 16, queue: 16, idle: 60_000 }
  await using old = await startRig({ script: () => undefined, route: { connections } })
  await using young = await startRig()
  const peer = await old.dial()
  peer.send(ask('GET /old'))
  await old.child.request()
  old.routes([route('app1', young.child.port, {}, 2)], [1])
  assert.equal((await old.say(ask('GET /new'))).body, 'ok')
  assert.deepEqual([old.child.requests.length, young.child.requests.length], [1, 1])
  assert.ok(!old.reports.some(({ type }) => type === 'drained'))
  old.child.peers[0]?.send(ok)
  assert.equal((await peer.response()).body, 'ok')
  await old.child.until(() => old.reports.some((report) => report.type === 'drained' && report.run === 1), 'the report')
  await old.child.until(() => old.child.peers.every(({ ended }) => ended), 'the close of its connections')
})

test('rule 117: a stream is in flight until its end, and is cut when its run has to go', async () => {
  await using rig = await startRig({
    script: () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  })
  const peer = await rig.dial()
  peer.send(ask('GET /x'))
  await peer.until(() => peer.received.endsWith('3\r\nabc\r\n'), 'the first event')
  rig.routes([], [1])
  assert.equal(rig.gateway.inflight().length, 1)
  rig.gateway.cut(1)
  await peer.untilEnded()
  assert.doesNotMatch(peer.received, /\r\n0\r\n\r\n$/)
  await rig.child.until(() => rig.reports.some(({ type }) => type === 'drained'), 'the report')
})

test('rule 119: with all connections to an instance in use requests wait in turn, then are told when to come', async () => {
  await using rig = await startRig({
    script: () => undefined,
    route: {
      connections: { max: 1, queue: 1, idle: null },
      timeouts: { connect: 5_000, response: 0, idle: 0, total: 0 },
    },
  })
  const [first, second] = [await rig.dial(), await rig.dial()]
  first.send(ask('GET /first'))
  await rig.child.request()
  second.send(ask('GET /second'))
  await rig.child.until(() => rig.gateway.inflight().length === 2, 'the second in the queue')
  const third = await rig.say(ask('GET /third'))
  assert.deepEqual([third.status, third.field('retry-after')], [503, '1'])
  rig.child.peers[0]?.send(ok)
  assert.equal((await first.response()).body, 'ok')
  assert.equal((await rig.child.request(2)).target, '/second')
  rig.child.peers[0]?.send(ok)
  assert.equal((await second.response()).body, 'ok')
  assert.equal(rig.child.peers.length, 1)
})

test('rule 119: a request that waited too long for a connection is a 503', async () => {
  await using rig = await startRig({
    script: () => undefined,
    route: { connections: { max: 1, queue: 1, idle: null }, timeouts: { connect: 50, response: 0, idle: 0, total: 0 } },
  })
  const first = await rig.dial()
  first.send(ask('GET /first'))
  await rig.child.request()
  assert.equal((await rig.say(ask('GET /second'))).status, 503)
  assert.deepEqual([rig.child.peers.length, rig.child.requests.length], [1, 1])
})

test('rule 117: a request for an app that is being replaced waits, or is told when to come again', async () => {
  await using rig = await startRig()
  const waiting = { kind: 'waiting', why: 'being replaced', until: null } as const
  rig.routes([route('app1', 1, { target: waiting, hold: { for: 60_000, max: 1 } })])
  const peer = await rig.dial()
  peer.send(ask('POST /x', 'Content-Length: 3') + 'abc')
  await rig.child.until(() => rig.reports.some(({ type }) => type === 'wanted'), 'the request to wait')
  const full = await rig.say(ask('GET /x'))
  assert.equal(full.status, 503)
  assert.match(full.field('retry-after') ?? '', /^[1-9]\d*$/)
  rig.routes([route('app1', rig.child.port, {}, 2)])
  assert.equal((await peer.response()).body, 'ok')
  assert.equal((await rig.child.request()).body, 'abc')
})

/** A sign-in that fails. */
const attempt = `POST /-/login HTTP/1.1\r\n${anonymous}Content-Length: 11\r\n\r\ntoken=wrong`

test('rule 118: too many attempts are a 429 that says when to come again', async () => {
  await using rig = await startRig()
  let reply = await rig.say(attempt)
  for (let time = 0; time < 20 && reply.status === 401; time += 1) reply = await rig.say(attempt)
  assert.equal(reply.status, 429)
  assert.match(reply.field('retry-after') ?? '', /^[1-9]\d*$/)
  assert.equal(reply.field('content-type'), 'application/problem+json')
  assert.equal(reply.json()['status'], 429)
})

test('rule 118: whoever comes again when told to is let in, and not before', async () => {
  const time = movableClock()
  await using rig = await startRig({ clock: time.clock })
  for (let count = 0; count < 20; count += 1) await rig.say(attempt)
  for (let round = 0; round < 3; round += 1) {
    time.move(1)
    const refused = await rig.say(attempt)
    assert.equal(refused.status, 429)
    const seconds = Number(refused.field('retry-after'))
    // Whole seconds, rounded up: what is left is a little less than that.
    time.move((seconds - 1) * 1_000 - 1)
    assert.equal((await rig.say(attempt)).status, 429)
    time.move(1_000)
    assert.equal((await rig.say(attempt)).status, 401)
  }
})

test('rule 119: an app that cannot answer is a 503 without a connection to it', async () => {
  await using rig = await startRig()
  const peers = rig.child.peers
  rig.routes([route('app1', rig.child.port, { target: { kind: 'closed', why: 'failing' } })])
  assert.equal((await rig.say(ask('GET /x'))).status, 503)
  // Later than anybody may be held, on the clock of the gateway.
  const until = systemClock.now() + 3_600_000
  rig.routes([route('app1', rig.child.port, { target: { kind: 'waiting', why: 'resting after a crash', until } })])
  const resting = await rig.say(ask('POST /x', 'Content-Length: 3') + 'abc')
  assert.equal(resting.status, 503)
  assert.ok(Number(resting.field('retry-after')) > 60)
  assert.equal(peers.length, 0)
})

test('rule 119: requests that wait for an app wake it once a second, not once a request', async () => {
  const time = movableClock()
  await using rig = await startRig({ clock: time.clock })
  const wanted = (): number => rig.reports.filter(({ type }) => type === 'wanted').length
  const target = { kind: 'waiting', why: 'resting after a crash', until: null } as const
  rig.routes([route('app1', rig.child.port, { target, hold: { for: 60_000, max: 1 } })])
  const peer = await rig.dial()
  peer.send(ask('GET /x'))
  await rig.child.until(() => wanted() === 1, 'the request to wait')
  for (let count = 0; count < 3; count += 1) assert.equal((await rig.say(ask('GET /x'))).status, 503)
  assert.equal(wanted(), 1)
  time.move(999)
  await rig.say(ask('GET /x'))
  assert.equal(wanted(), 1)
  time.move(1)
  await rig.say(ask('GET /x'))
  assert.equal(wanted(), 2)
  // Who waits says so again as soon as something has become of the app.
  rig.routes([route('app1', rig.child.port, { target: { ...target, why: 'resting' }, hold: { for: 60_000, max: 1 } })])
  await rig.child.until(() => wanted() === 3, 'the request that waits to say so again')
  assert.equal(rig.child.peers.length, 0)
})

test('rule 120: without a valid credential every request is a 401 before anything is asked of the app', async () => {
  await using rig = await startRig()
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  for (const credential of [
    '',
    'X-API-Token: wrong\r\n',
    'Authorization: Bearer wrong\r\n',
    `Authorization: Basic ${token}\r\n`,
    'X-API-Token:\r\n',
    `X-API-Token: ${token.toUpperCase()}\r\n`,
    `X-API-Token: ${token.slice(0, -1)}\r\n`,
  ]) {
    for (const request of [
      `GET /api/app1/x HTTP/1.1\r\n${anonymous}${credential}\r\n`,
      `POST /api/app1/x HTTP/1.1\r\n${anonymous}${credential}Content-Length: 3\r\n\r\nabc`,
      `POST /api/app1/x HTTP/1.1\r\n${anonymous}${credential}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`,
      `OPTIONS /api/app1/x HTTP/1.1\r\n${anonymous}${credential}Origin: http://e\r\nAccess-Control-Request-Method: PUT\r\n\r\n`,
      `GET /api/app1/x HTTP/1.1\r\n${anonymous}${credential}${upgrade}\r\n`,
      `GET /nothing HTTP/1.1\r\n${anonymous}${credential}\r\n`,
    ]) {
      const peer = await rig.dial()
      peer.send(request)
      const reply = await peer.response()
      assert.equal(reply.status, 401, request)
      assert.match(reply.field('www-authenticate') ?? '', /^Bearer/)
      peer.socket.destroy()
    }
  }
  assert.equal(rig.child.peers.length, 0)
})

test('rule 120: a good credential in any of its places opens, and does not reach the app', async () => {
  await using rig = await startRig()
  for (const credential of [
    `X-API-Token: ${token}`,
    `Authorization: Bearer ${token}`,
    `authorization: bearer ${token}`,
  ]) {
    assert.equal(
      (await rig.say(`GET /api/app1/x HTTP/1.1\r\n${anonymous}${credential}\r\n\r\n`)).status,
      200,
      credential,
    )
    assert.ok(!rig.child.requests.at(-1)?.raw.includes(token))
  }
})

/** Calls `judge` in place of every comparison in constant time, until disposed; whoever compares otherwise never asks. */
function comparing(judge: typeof crypto.timingSafeEqual): Disposable {
  const replaced = mock.method(crypto, 'timingSafeEqual', judge)
  syncBuiltinESMExports()
  return {
    [Symbol.dispose]() {
      replaced.mock.restore()
      syncBuiltinESMExports()
    },
  }
}

test('rule 120: tokens and sessions are compared in constant time, each with all of them', async () => {
  const sha256 = (text: string): string => crypto.createHash('sha256').update(text).digest('hex')
  await using rig = await startRig()
  const tokens = [token, 'another', 'third'].map((text) => ({ name: text, sha256: sha256(text), apps: null }))
  rig.gateway.configure({ tokens })
  const form = `token=${token}`
  const signedIn = await rig.say(`POST /-/login HTTP/1.1\r\n${anonymous}Content-Length: ${form.length}\r\n\r\n${form}`)
  const session = /^[^;]+/.exec(signedIn.field('set-cookie') ?? '')?.[0] ?? ''
  for (const [good, bad] of [
    ['X-API-Token: third', 'X-API-Token: fourth'],
    ['Authorization: Bearer another', 'Authorization: Bearer fourth'],
    [`Cookie: ${session}`, `Cookie: ${session.slice(0, -1)}${session.endsWith('A') ? 'Q' : 'A'}`],
  ] as const) {
    // What was found good before is forgotten.
    rig.gateway.configure({ tokens })
    const statusOf = async (line: string): Promise<number> => {
      return (await rig.say(`GET /api/app1/x HTTP/1.1\r\n${anonymous}${line}\r\n\r\n`)).status
    }
    const { timingSafeEqual } = crypto
    let count = 0
    const counting: typeof timingSafeEqual = (one, other) => {
      count += 1
      return timingSafeEqual(one, other)
    }
    {
      using _ = comparing(() => false)
      assert.equal(await statusOf(good), 401, 'it is found without a comparison in constant time')
    }
    {
      using _ = comparing(counting)
      for (const [line, status] of [
        [bad, 401],
        [good, 200],
      ] as const) {
        count = 0
        assert.equal(await statusOf(line), status, line)
        assert.equal(count, tokens.length, `${line}: the time tells which one it was`)
      }
    }
  }
})

test('rule 121: every error of the gateway is a problem with its length', async () => {
  await using rig = await startRig({ script: (peer) => void peer.socket.destroy() })
  for (const [request, status] of [
    [`GET /api/app1/x HTTP/1.1\r\n${anonymous}\r\n`, 401],
    [`GET /nothing HTTP/1.1\r\n${known}\r\n`, 404],
    [ask('GET /x'), 502],
    [ask('POST /x', 'Expect: magic', 'Content-Length: 0'), 417],
    [ask('TRACE /x'), 405],
    [ask('GET /%00'), 400],
    [ask('GET /x').replace('HTTP/1.1', 'HTTP/3.0'), 505],
  ] as const) {
    const reply = await rig.say(request)
    if (status === 505) assert.ok([400, 505].includes(reply.status))
    else assert.equal(reply.status, status, request)
    assert.equal(reply.field('content-type'), 'application/problem+json', request)
    assert.equal(Number(reply.field('content-length')), Buffer.byteLength(reply.body, 'latin1'))
    const { type, title, status: told, instance } = reply.json()
    assert.deepEqual([typeof type, typeof title, told, typeof instance], ['string', 'string', reply.status, 'string'])
  }
})

test('rule 121: an error for HEAD has the length of its body and not the body', async () => {
  await using rig = await startRig()
  for (const target of ['/nothing', '/api/app1/%00']) {
    const peer = await rig.dial()
    peer.send(`HEAD ${target} HTTP/1.1\r\n${known}\r\n${hidden}`)
    const reply = await peer.response('HEAD')
    assert.ok(Number(reply.field('content-length')) > 50)
    const next = await peer.response().catch(() => null)
    if (next) assert.equal(next.status, 200)
    assert.equal(peer.rest(), '')
  }
})

test('rule 121: a malformed head is a problem too', async () => {
  await refuses(`GET /api/app1/x HTTP/1.1\r\n${anonymous}Bad Name: 1\r\n\r\n`)
})
