import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ask, hidden, known, ok, type Peer, type Reply, type Rig, type RigOptions, startRig } from './kit.ts'

/** Section 5: upgrades and tunnels. */

const offer = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x']
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n'
const websocket = ask('GET /ws', ...offer)

interface Tunnel extends AsyncDisposable {
  readonly rig: Rig
  readonly client: Peer
  readonly app: Peer
  readonly reply: Reply
}

/** An upgrade that the app takes. */
async function open(options: RigOptions = {}, protocol = 'websocket'): Promise<Tunnel> {
  const rig = await startRig({ script: () => switching.replace('websocket', protocol), ...options })
  const client = await rig.dial()
  client.send(websocket.replace('websocket', protocol))
  const reply = await client.response()
  assert.equal(reply.status, 101)
  const app = rig.child.peers[0]
  assert.ok(app)
  return { rig, client, app, reply, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

test('rule 92: after a 101 bytes pass both ways as they are', async () => {
  await using tunnel = await open()
  const { client, app, reply } = tunnel
  assert.deepEqual(
    [reply.field('upgrade'), reply.field('connection')?.toLowerCase(), reply.field('sec-websocket-accept')],
    ['websocket', 'upgrade', 'y'],
  )
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte)).repeat(50)
  client.send(all)
  app.send(`${all}GET / HTTP/1.1\r\n\r\n`)
  await app.until(() => app.received.endsWith(all), 'the bytes of the client')
  await client.until(() => client.rest() === `${all}GET / HTTP/1.1\r\n\r\n`, 'the bytes of the app')
})

test('rule 92: the app is asked for the upgrade as an ordinary request of a known caller', async () => {
  await using tunnel = await open()
  const [request] = tunnel.rig.child.requests
  assert.deepEqual(
    [request?.target, request?.all('upgrade'), request?.all('connection').join().toLowerCase()],
    ['/ws', ['websocket'], 'upgrade'],
  )
  assert.deepEqual(
    [request?.all('x-auth-subject'), request?.all('x-api-token'), request?.all('sec-websocket-key')],
    [['all'], [], ['x']],
  )
})

test('rule 93: a refused upgrade opens no tunnel', async () => {
  for (const [answer, status, body] of [
    ['HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno', 403, 'no'],
    ['HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n', 403, 'no'],
    ['HTTP/1.1 426 Up\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno', 426, 'no'],
    ['HTTP/1.1 204 None\r\n\r\n', 204, ''],
    [ok, 200, 'ok'],
  ] as const) {
    await using rig = await startRig({ script: (_, { target }) => (target === '/ws' ? answer : ok) })
    const peer = await rig.dial()
    peer.send(websocket)
    const reply = await peer.response()
    assert.deepEqual([reply.status, reply.body], [status, body])
    peer.send(`GET /api/app1/next HTTP/1.1\r\nHost: h\r\n\r\n${hidden}`)
    // The follow-up is a request of its own, without a credential, or the connection has ended.
    const next = await peer.response().catch(() => null)
    if (next) assert.equal(next.status, 401)
    else assert.ok(peer.ended)
    const app = rig.child.peers[0]
    assert.ok(app && !app.received.includes('/next'), answer)
  }
})

test('rule 94: bytes sent before the 101 are held until then', async () => {
  const { promise: may, resolve: go } = Promise.withResolvers<void>()
  await using rig = await startRig({ script: (peer) => void may.then(() => peer.send(switching)) })
  const peer = await rig.dial()
  peer.send(`${websocket}early`)
  const { raw } = await rig.child.request()
  const app = rig.child.peers[0]
  assert.equal(app?.received, raw)
  peer.send('bird')
  go()
  assert.equal((await peer.response()).status, 101)
  await app?.until(() => app.received === `${raw}earlybird`, 'the early bytes')
})

test('rule 94: bytes sent before a refusal are the next request, or nothing', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  peer.send(`${websocket}GET /api/app1/next HTTP/1.1\r\nHost: h\r\n\r\n`)
  assert.equal((await peer.response()).status, 200)
  const next = await peer.response().catch(() => null)
  if (next) assert.equal(next.status, 401)
  else assert.ok(peer.ended)
  assert.equal(rig.child.requests.length, 1)
  assert.ok(!rig.child.peers.some(({ received }) => received.includes('/next')))
})

test('rule 95: an app that dies in the handshake is a 502', async () => {
  for (const bytes of ['', 'HTTP/1.1 101 Swit', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n']) {
    for (const how of ['close', 'reset'] as const) {
      await using rig = await startRig({
        script: (peer) =>
          void peer.socket.write(bytes, 'latin1', () =>
            how === 'close' ? peer.socket.end() : peer.socket.resetAndDestroy(),
          ),
      })
      assert.equal((await rig.say(websocket)).status, 502, `${bytes} and ${how}`)
    }
  }
})

test('rule 96: a switch to another protocol than was asked for is a 502', async () => {
  for (const lines of [
    'Connection: Upgrade\r\nUpgrade: foo\r\n',
    '',
    'Connection: Upgrade\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket, foo\r\n',
    'Connection: Upgrade\r\nUpgrade: h2c\r\n',
  ]) {
    await using rig = await startRig({ script: () => `HTTP/1.1 101 X\r\n${lines}\r\n` })
    const peer = await rig.dial()
    peer.send(`${websocket}secret`)
    assert.equal((await peer.response()).status, 502, lines)
    await rig.child.until(() => rig.child.peers[0]?.ended, 'the end at the app')
    assert.ok(!rig.child.peers[0]?.received.includes('secret'))
  }
})

test('rule 97: h2c is never offered and never tunnelled', async () => {
  for (const [connection, upgrade] of [
    ['Upgrade, HTTP2-Settings', 'h2c'],
    ['Upgrade', 'H2C'],
    ['upgrade', 'h2c, websocket'],
    ['Upgrade, HTTP2-Settings', 'websocket, h2c'],
    ['Upgrade', 'h2'],
    ['Upgrade', 'HTTP/2.0'],
    ['Upgrade', 'TLS/1.0'],
  ] as const) {
    await using rig = await startRig()
    const reply = await rig.say(
      ask('GET /x', `Connection: ${connection}`, `Upgrade: ${upgrade}`, 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'),
    )
    assert.equal(reply.status, 200, upgrade)
    const [request] = rig.child.requests
    assert.doesNotMatch(request?.all('upgrade').join() ?? 'h2', /h2|http|tls/i)
    assert.deepEqual(
      [request?.all('http2-settings'), /http2/i.test(request?.all('connection').join() ?? 'http2')],
      [[], false],
    )
  }
})

test('rule 98: an upgrade without its Connection token, or in HTTP/1.0, is an ordinary request', async () => {
  await using rig = await startRig()
  for (const request of [
    ask('GET /x', 'Upgrade: websocket'),
    ask('GET /x', 'Connection: keep-alive', 'Upgrade: websocket'),
    websocket.replace('HTTP/1.1', 'HTTP/1.0'),
    ask('GET /x', 'Connection: Upgrade'),
  ]) {
    assert.equal((await rig.say(request)).status, 200)
    const seen = rig.child.requests.at(-1)
    assert.deepEqual(
      [seen?.all('upgrade'), /upgrade/i.test(seen?.all('connection').join() ?? '')],
      [[], false],
      request,
    )
  }
})

test('rule 98: a 101 to HTTP/1.0 is a 502', async () => {
  await using rig = await startRig({ script: () => switching })
  assert.equal((await rig.say(websocket.replace('HTTP/1.1', 'HTTP/1.0'))).status, 502)
})

test('rule 99: the body of an upgrade is a body, and what follows it a request', async () => {
  for (const [method, framing, body] of [
    ['POST', 'Content-Length: 3', 'abc'],
    ['GET', 'Content-Length: 3', 'abc'],
    ['POST', 'Transfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n'],
  ] as const) {
    await using rig = await startRig()
    const peer = await rig.dial()
    peer.send(`${ask(`${method} /ws`, ...offer, framing)}${body}GET /api/app1/next HTTP/1.1\r\nHost: h\r\n\r\n`)
    assert.equal((await peer.response()).status, 200)
    assert.equal(rig.child.requests[0]?.body, 'abc')
    const next = await peer.response().catch(() => null)
    if (next) assert.equal(next.status, 401)
    else assert.ok(peer.ended)
    assert.equal(rig.child.requests.length, 1)
  }
})

test('rule 99: a 101 before the end of the body is a 502', async () => {
  for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    await using rig = await startRig()
    rig.child.onHead = () => switching
    const peer = await rig.dial()
    peer.send(`${ask('POST /ws', ...offer, framing)}3\r\nabc\r\n`)
    assert.equal((await peer.response()).status, 502, framing)
    peer.socket.end()
    await peer.untilEnded()
    await rig.child.until(() => rig.child.peers[0]?.ended, 'the end at the app')
  }
})

test('rule 100: the client ends its direction, late bytes of the app still arrive', async () => {
  await using tunnel = await open()
  const { client, app } = tunnel
  client.send('last')
  client.socket.end()
  await app.untilEnded()
  assert.ok(app.received.endsWith('last'))
  app.send('late')
  app.socket.end()
  await client.untilEnded()
  assert.equal(client.rest(), 'late')
  await tunnel.rig.child.until(() => tunnel.rig.gateway.inflight().length === 0, 'the end of the tunnel')
})

test('rule 100: the app ends its direction, late bytes of the client still arrive', async () => {
  await using tunnel = await open()
  const { client, app } = tunnel
  app.send('last')
  app.socket.end()
  await client.untilEnded()
  assert.equal(client.rest(), 'last')
  client.send('late')
  client.socket.end()
  await app.untilEnded()
  assert.ok(app.received.endsWith('late'))
  await tunnel.rig.child.until(() => tunnel.rig.gateway.inflight().length === 0, 'the end of the tunnel')
})

test('rule 100: a reset of one side ends the other', async () => {
  await using first = await open()
  first.client.socket.resetAndDestroy()
  await first.rig.child.until(() => first.app.ended, 'the end at the app')
  await using second = await open()
  second.app.socket.resetAndDestroy()
  await second.client.untilEnded()
  for (const { rig } of [first, second]) await rig.child.until(() => rig.gateway.inflight().length === 0, 'the end')
})

test('rule 101: an idle tunnel stays open unless told otherwise, and counts as in flight', async () => {
  await using tunnel = await open({ limits: { head: 50, body: 50, bodyRate: 1_000_000, keepAlive: 50 } })
  await new Promise((resolve) => setTimeout(resolve, 250))
  assert.deepEqual([tunnel.client.ended, tunnel.rig.gateway.inflight().length], [false, 1])
  tunnel.client.send('still here')
  await tunnel.app.until(() => tunnel.app.received.endsWith('still here'), 'the bytes')
  await using limited = await open({ limits: { tunnel: 100 } })
  await limited.client.untilEnded()
})

test('rule 101: a tunnel outlives the reload of the table, keeps its run from being drained, and ends when cut', async () => {
  // Of a protocol that we cannot take leave in; a WebSocket is told to go as soon as its run drains.
  await using tunnel = await open({}, 'chat')
  const { rig, client, app } = tunnel
  rig.routes([], [1])
  client.send('more')
  await app.until(() => app.received.endsWith('more'), 'the bytes')
  assert.deepEqual(
    rig.reports.filter(({ type }) => type === 'drained'),
    [],
  )
  rig.gateway.cut(1)
  await client.untilEnded()
  await rig.child.until(() => rig.reports.some(({ type }) => type === 'drained'), 'the report')
})

test('rule 92: only who may call the app may upgrade', async () => {
  await using rig = await startRig({ script: () => switching })
  const reply = await rig.say(websocket.replace(known, 'Host: h\r\n'))
  assert.equal(reply.status, 401)
  assert.equal(rig.child.peers.length, 0)
})
