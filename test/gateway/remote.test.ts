import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { Outlet } from '../../src/gateway/outlet.ts'
import { RemoteClient } from '../../src/gateway/remote-client.ts'
import { remoteOf } from '../../src/gateway/remote.ts'
import type { Route } from '../../src/model/route.ts'
import { eventually } from '../support/wait.ts'
import {
  type App,
  at,
  echo,
  type Echoed,
  type Front,
  ready,
  route,
  sent,
  startApp,
  startFront,
  startRaw,
  token,
  type Wire,
} from './kit.ts'

test('a remote target gets its own host, its base path in front and the prefix stripped', async () => {
  await using there = await startApp(echo)
  await using front = await startFront()
  front.routes([route('docs', { kind: 'remote', url: `http://localhost:${there.port}/v2/` })])
  const response = await front.ask('GET /docs/a%20b/?x=%zz', 'Cookie: a=1')
  assert.equal((response.json() as unknown as Echoed).url, '/v2/a%20b/?x=%zz')
  assert.deepEqual(sent(response, 'host'), [`localhost:${there.port}`])
  assert.deepEqual(sent(response, 'x-forwarded-host'), ['h'])
  assert.deepEqual(sent(response, 'x-forwarded-prefix'), ['/docs'])
  assert.deepEqual(sent(response, 'x-api-token'), [])
  assert.equal(front.exchanges[0]?.run, null)
})

test('a redirect of a remote target stays under our prefix', async () => {
  await using there = await startApp((_, response) => {
    response.writeHead(302, { Location: `http://127.0.0.1:${there.port}/v2/login` }).end()
  })
  await using front = await startFront()
  front.routes([route('docs', { kind: 'remote', url: `http://127.0.0.1:${there.port}/v2` })])
  assert.equal((await front.ask('GET /docs/')).field('location'), '/docs/login')
})

test('a remote target that cannot be reached is a 502 and nobody is suspected', async () => {
  const gone = await startApp(echo)
  await gone.kill()
  await using app = await startApp(echo)
  await using front = await startFront()
  front.routes([
    route('docs', { kind: 'remote', url: `http://127.0.0.1:${gone.port}` }),
    route('hello', ready(at(1, app.port))),
  ])
  const response = await front.ask('GET /docs/')
  assert.equal(response.status, 502)
  assert.equal(front.exchanges[0]?.error?.code, 'unreachable')
  assert.deepEqual(front.reports, [])
  assert.equal((await front.ask('GET /hello/')).status, 200)
})

test('what an app of ours does not get of a client a remote target does not get either', async () => {
  await using there = await startApp(echo)
  await using front = await startFront()
  const remote = { kind: 'remote', url: `http://127.0.0.1:${there.port}` } as const
  front.routes([route('docs', remote), route('hello', ready(at(1, there.port)))])
  const spoofs = [
    'X-User Remote-User X-Remote-User X-Auth-Subject X-Auth-Scopes Remote-Addr X-Real-IP X-Client-IP',
    'True-Client-IP X-Cluster-Client-IP Forwarded Proxy X-Forwarded-For X-Forwarded-User',
    'X-Original-URL X-Rewrite-URL X-Request-Id traceparent X_User X!Forwarded!For X_Forwarded_For',
    'X.Forwarded.For x_auth_subject X_Real_IP X_Request_Id X_API_Token Transfer_Encoding',
    'Content_Length Proxy-Authorization Proxy-Authentication-Info Proxy-Connection Keep-Alive',
    'Trailer X-Nominated',
  ].flatMap((row) => row.split(' '))
  const lines = ['Connection: X-Nominated, X-Forwarded-Proto, Host', 'Via: 1.0 before', 'My_Field: own']
  for (const app of ['hello', 'docs']) {
    const response = await front.ask(`GET /${app}/`, ...spoofs.map((name) => `${name}: spoof`), ...lines)
    assert.equal(response.status, 200)
    assert.doesNotMatch(response.body, /spoof/, app)
    assert.deepEqual(sent(response, 'x-forwarded-for'), ['127.0.0.1'])
    assert.deepEqual(sent(response, 'x-forwarded-proto'), ['http'])
    assert.deepEqual(sent(response, 'x-auth-subject'), ['all'])
    assert.deepEqual(sent(response, 'x-request-id'), [front.exchanges.at(-1)?.id])
    assert.match(sent(response, 'traceparent').join('|'), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    assert.deepEqual(sent(response, 'via').join(', '), '1.0 before, 1.1 quaymaster')
    assert.deepEqual(sent(response, 'my_field'), ['own'])
  }
})

test('what a client may say for itself reaches a remote target, without what is for us', async () => {
  await using there = await startApp(echo)
  await using front = await startFront()
  front.routes([route('docs', { kind: 'remote', url: `http://127.0.0.1:${there.port}` }, { auth: 'none' })])
  const cookie = `quaymaster-${front.port}`
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const response = await front.ask(
    'OPTIONS /docs/',
    `Cookie: a=1; ${cookie}=secret; b=2`,
    'Authorization: Basic eA==',
    'Max-Forwards: 3',
    `traceparent: ${trace}`,
    'tracestate: a=1',
    'TE: gzip, trailers',
  )
  assert.deepEqual(sent(response, 'cookie'), ['a=1; b=2'])
  assert.deepEqual(sent(response, 'authorization'), ['Basic eA=='])
  assert.deepEqual(sent(response, 'max-forwards'), ['2'])
  assert.deepEqual(sent(response, 'traceparent'), [trace])
  assert.deepEqual(sent(response, 'tracestate'), ['a=1'])
  assert.deepEqual(sent(response, 'te'), ['trailers'])
  const only = await front.ask('GET /docs/', `Cookie: ${cookie}=secret`, 'traceparent: none', 'tracestate: a=1')
  assert.doesNotMatch(only.body, /secret/)
  assert.deepEqual([sent(only, 'cookie'), sent(only, 'tracestate')], [[], []])
})

const auth = `Host: h\r\nX-API-Token: ${token}\r\n`
const chunked = `HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`
const begun = 'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nbegun'

/** A host that answers with these bytes as soon as it has got something, and the connections it has had. */
async function startHost(bytes: string): Promise<App & { first: Promise<Wire> }> {
  const { promise: first, resolve } = Promise.withResolvers<Wire>()
  const app = await startRaw((wire) => {
    wire.socket.once('data', () => {
      if (bytes !== '') wire.send(bytes)
      resolve(wire)
    })
  })
  return Object.assign(app, { first })
}

async function startRemote(app: App, more: Partial<Route> = {}, options: Partial<GatewayOptions> = {}): Promise<Front> {
  const front = await startFront(options)
  front.routes([route('docs', { kind: 'remote', url: `http://127.0.0.1:${app.port}` }, more)])
  return front
}

test('a broken upload to a remote target is a 400, and the host is left at once', async () => {
  await using host = await startHost('')
  await using front = await startRemote(host)
  const wire = await front.wire()
  wire.send(`POST /docs/ ${chunked}`)
  const there = await host.first
  wire.send('XYZ\r\n')
  const response = await wire.response('POST')
  assert.equal(response.status, 400)
  assert.match(String(response.json()['detail']), /chunk/)
  await there.untilEnded()
  await wire.untilEnded()
  assert.equal(wire.received, '')
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual([status, error?.code], [400, 'bad-framing'])
  assert.deepEqual(front.gateway.inflight(), [])
})

test('an upload that breaks while its answer comes ends that, and nothing is written into it', async () => {
  await using host = await startHost(begun)
  await using front = await startRemote(host)
  const wire = await front.wire()
  wire.send(`POST /docs/ ${chunked}`)
  await wire.until((text) => text.endsWith('begun'), 'the beginning of the answer')
  wire.send('XYZ\r\n')
  assert.match(await wire.untilEnded(), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nbegun$/)
  await (await host.first).untilEnded()
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual([status, error?.code], [200, 'bad-framing'])
})

for (const [when, answer, seen] of [
  ['before its answer', '', /^HTTP\/1\.1 500 (?:(?!HTTP\/1\.1)[\s\S])*$/],
  ['while its answer comes', begun, /^(HTTP\/1\.1 200 [\s\S]*\r\n\r\nbegun)?$/],
] as const) {
  test(`a mistake of ours in an upload to a remote target ${when} ends that request at both ends`, async (t) => {
    await using host = await startHost(answer)
    await using front = await startRemote(host)
    const wire = await front.wire()
    wire.send(`POST /docs/ ${chunked}`)
    const there = await host.first
    if (answer !== '') await wire.until((text) => text.endsWith('begun'), 'the beginning of the answer')
    t.mock.method(RemoteClient.prototype, 'bodyData', () => {
      throw new Error('a mistake')
    })
    wire.send('5\r\nhello\r\n')
    assert.match(await wire.untilEnded(), seen)
    await there.untilEnded()
    const { error } = await front.exchange(({ app }) => app === 'docs')
    assert.equal(error?.code, 'internal')
    assert.match(error?.detail ?? '', /a mistake/)
    assert.equal(front.exchanges.length, 1)
    assert.deepEqual(front.gateway.inflight(), [])
  })
}

const limits = { head: 15_000, body: 200, bodyRate: 1_000, keepAlive: 5_000, stall: 400, tunnel: 0 }
const none = { connect: 1_000, response: 0, idle: 0, total: 0 }

/** What the client was told and what the journal has, once the host has been left. */
async function comesOf(front: Front, host: { first: Promise<Wire> }, wire: Wire): Promise<unknown[]> {
  const text = await wire.untilEnded()
  await (await host.first).untilEnded()
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual(front.gateway.inflight(), [])
  return [/^HTTP\/1\.1 (\d+)/.exec(text)?.[1], status, error?.code, error?.source]
}

for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
  test(`a body for a remote target that does not come is a 408, with ${framing}`, async () => {
    await using host = await startHost('')
    await using front = await startRemote(host, {}, { timeouts: limits })
    const wire = await front.wire()
    wire.send(`POST /docs/ HTTP/1.1\r\n${auth}${framing}\r\n\r\n5\r\nhello\r\n`)
    assert.deepEqual(await comesOf(front, host, wire), ['408', 408, 'request-timeout', 'client'])
  })
}

test('a body that stops behind the beginning of an answer is not waited for any longer than that answer', async () => {
  await using host = await startHost(begun)
  await using front = await startRemote(host, { timeouts: { ...none, idle: 300 } }, { timeouts: limits })
  const wire = await front.wire()
  wire.send(`POST /docs/ ${chunked}`)
  assert.deepEqual(await comesOf(front, host, wire), ['200', 200, 'response-timeout', 'app'])
})

test('a remote target that takes nothing of a body is left after a while, and the client is not blamed', async () => {
  const { promise: first, resolve } = Promise.withResolvers<Wire>()
  await using host = await startRaw((wire) => {
    wire.socket.pause()
    resolve(wire)
  })
  await using front = await startRemote(host, {}, { timeouts: limits })
  const wire = await front.wire()
  const size = 20_000_000
  wire.send(`POST /docs/ HTTP/1.1\r\n${auth}Content-Length: ${size}\r\n\r\n`)
  wire.send('a'.repeat(size))
  assert.match(await wire.untilEnded(), /^(HTTP\/1\.1 504 |$)/)
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual([status, error?.code], [504, 'response-timeout'])
  const there = await first
  there.socket.resume()
  await there.untilEnded()
})

test('a response of a remote target that stops coming is cut off', async () => {
  await using host = await startHost(begun)
  await using front = await startRemote(host, { timeouts: { ...none, idle: 300 } })
  const wire = await front.wire()
  wire.send(`GET /docs/ HTTP/1.1\r\n${auth}\r\n`)
  assert.deepEqual(await comesOf(front, host, wire), ['200', 200, 'response-timeout', 'app'])
  assert.match(wire.received, /\r\n\r\nbegun$/)
})

test('a response of a remote target that goes on or waits for its client is not cut off', async () => {
  const size = 12_000_000
  await using host = await startApp((request, response) => {
    response.setHeader('Content-Length', request.url === '/long' ? size : 12)
    if (request.url === '/long') return void response.end('y'.repeat(size))
    let left = 12
    const timer = setInterval(() => {
      if (--left > 0) return void response.write('x')
      clearInterval(timer)
      response.end('x')
    }, 100)
  })
  await using front = await startRemote(host, { timeouts: { ...none, idle: 400 } })
  assert.equal((await front.ask('GET /docs/')).body, 'x'.repeat(12))
  const reader = await front.wire()
  reader.socket.pause()
  reader.send(`GET /docs/long HTTP/1.1\r\n${auth}\r\n`)
  // Longer than the response may pause, and nothing else tells that it is not cut off.
  await delay(1_000)
  reader.socket.resume()
  await reader.until((text) => text.length > size, 'the whole response')
  await eventually(() => front.exchanges.length === 2, { what: 'the second entry' })
  assert.deepEqual(
    front.exchanges.map(({ error }) => error),
    [null, null],
  )
})

test('a client that takes nothing of the response of a remote target is gone after a while', async () => {
  const size = 100_000_000
  await using host = await startHost(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'y'.repeat(size)}`)
  await using front = await startRemote(host, {}, { timeouts: limits })
  const wire = await front.wire()
  wire.socket.pause()
  wire.send(`GET /docs/ HTTP/1.1\r\n${auth}\r\n`)
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual([status, error?.code], [499, 'client-left'])
  await (await host.first).untilEnded()
  wire.socket.resume()
  assert.ok((await wire.untilEnded()).length < size)
})

for (const [when, answer, told] of [
  ['that brings no answer is a 504', '', ['504', 504, 'response-timeout', 'app']],
  ['whose answer has begun is cut off', begun, ['200', 200, 'response-timeout', 'app']],
] as const) {
  test(`an exchange with a remote target has its time: one ${when}`, async () => {
    await using host = await startHost(answer)
    await using front = await startRemote(host, { timeouts: { ...none, total: 300 } })
    const wire = await front.wire()
    wire.send(`GET /docs/ HTTP/1.1\r\n${auth}Connection: close\r\n\r\n`)
    assert.deepEqual(await comesOf(front, host, wire), told)
  })
}

test('what a remote target has answered in time leaves no limit behind on its connection', async () => {
  await using host = await startApp((_, response) => void response.end('ok'))
  await using front = await startRemote(host, { timeouts: { connect: 300, response: 300, idle: 300, total: 300 } })
  const wire = await front.wire()
  for (let turn = 0; turn < 3; turn += 1) {
    wire.send(`POST /docs/ HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\nhi`)
    assert.equal((await wire.response('POST')).body, 'ok')
    await delay(400)
  }
  assert.equal(wire.ended, false)
})

test('a handshake that does not come to its end is a connection that was not accepted in time', async () => {
  await using host = await startHost('')
  await using front = await startFront()
  const target = { kind: 'remote', url: `https://127.0.0.1:${host.port}` } as const
  front.routes([route('docs', target, { timeouts: { ...none, connect: 300 } })])
  const response = await front.ask('GET /docs/')
  assert.equal(response.status, 504)
  await (await host.first).untilEnded()
  assert.equal((await front.exchange(({ app }) => app === 'docs')).error?.code, 'connect-timeout')
})

test('a tunnel to a remote target through which nothing goes is closed at both ends, one in use is not', async () => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: echo\r\n'
  const accepted = `HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\n`
  await using host = await startHost(accepted)
  // What it takes in all is not meant for tunnels.
  const more = { timeouts: { ...none, idle: 200, total: 200 } }
  await using front = await startRemote(host, more, { timeouts: { ...limits, tunnel: 600 } })
  const wire = await front.wire()
  wire.send(`GET /docs/ HTTP/1.1\r\n${auth}${upgrade}\r\n`)
  await wire.until((text) => text.endsWith('\r\n\r\n'), 'the 101')
  const there = await host.first
  for (let turn = 1; turn <= 6; turn += 1) {
    const [from, to] = turn % 2 === 0 ? [wire, there] : [there, wire]
    const before = to.received.length
    from.send('x')
    await to.until((text) => text.length > before, 'a byte through the tunnel')
    await delay(200)
  }
  await Promise.all([wire.untilEnded(), there.untilEnded()])
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual([status, error], [101, null])
})

const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

test('a remote target may send 64 interim responses, and with one more it is not answering', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  for (const [count, status] of [
    [64, 200],
    [65, 502],
  ] as const) {
    await using host = await startHost(hint.repeat(count) + answer)
    await using front = await startRemote(host)
    const wire = await front.wire()
    wire.send(`GET /docs/ HTTP/1.1\r\n${auth}Connection: close\r\n\r\n`)
    const statuses = (await wire.untilEnded()).match(/(?<=^HTTP\/1\.1 )\d+/gm)
    assert.deepEqual(statuses, [...Array<string>(64).fill('103'), String(status)])
    if (status === 200) continue
    await (await host.first).untilEnded()
    assert.equal((await front.exchange(({ app }) => app === 'docs')).error?.code, 'bad-response')
  }
})

const large = `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(60_000)}\r\n\r\n`

type Method = (this: unknown, ...args: unknown[]) => unknown

/** As if the kernel took no more after each interim response: it has room for more than there may be of those. */
function clog(t: TestContext, after: (client: RemoteClient) => void): void {
  const real = (part: object, method: string): Method => (part as Record<string, Method>)[method] as Method
  const interim = real(RemoteClient.prototype, 'interim')
  const flush = real(Outlet.prototype, 'flush')
  let isClogged = false
  t.mock.method(Outlet.prototype, 'flush', function full(this: Outlet) {
    const more = flush.call(this)
    return more === true && !isClogged
  })
  t.mock.method(RemoteClient.prototype, 'interim', function clogged(this: RemoteClient, ...args: unknown[]) {
    isClogged = true
    const more = interim.apply(this, args)
    isClogged = false
    after(this)
    return more === true
  })
}

test('interim responses that the client does not take hold up the remote target, and it is gone after a while', async (t) => {
  clog(t, () => {})
  await using host = await startHost(large.repeat(64))
  await using front = await startRemote(host, {}, { timeouts: limits })
  const wire = await front.wire()
  wire.send(`GET /docs/ HTTP/1.1\r\n${auth}\r\n`)
  const hints = (await wire.untilEnded()).split('Early Hints').length - 1
  // What has been read with the first is no longer held up.
  assert.ok(hints >= 1 && hints < 8, `${hints} were passed on`)
  await (await host.first).untilEnded()
  const { error, status } = await front.exchange(({ app }) => app === 'docs')
  assert.deepEqual([status, error?.code], [499, 'client-left'])
})

test('what comes behind interim responses that were held up arrives whole, and so does the next on that connection', async (t) => {
  clog(t, (client) => void setTimeout(() => client.clientDrained(), 5))
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  let connections = 0
  await using host = await startRaw((wire) => {
    connections += 1
    wire.socket.on('data', () => wire.send(hint + large.repeat(20) + hint + answer))
  })
  await using front = await startRemote(host, { timeouts: { ...none, response: 2_000 } })
  const wire = await front.wire()
  for (let turn = 0; turn < 3; turn += 1) {
    wire.send(`GET /docs/ HTTP/1.1\r\n${auth}\r\n`)
    for (let count = 0; count < 22; count += 1) assert.equal((await wire.response()).status, 103)
    assert.equal((await wire.response()).body, 'ok')
  }
  assert.equal(connections, 1)
})

test('remoteOf reads a URL', () => {
  assert.deepEqual(remoteOf('https://docs.example.com/base/'), {
    to: { pool: 'https://docs.example.com', secure: true, host: 'docs.example.com', port: 443 },
    host: 'docs.example.com',
    base: '/base',
  })
  assert.deepEqual(remoteOf('http://[::1]:81').to, { pool: 'http://[::1]:81', secure: false, host: '::1', port: 81 })
})
