import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'

import { eventually } from '../support/wait.ts'
import { at, ready, route, startFront, startRaw, token, type Wire } from './kit.ts'
import { relaySuite } from './relay-suite.ts'

relaySuite('over our own engine', (port) => ready(at(1, port)))

test('an app that refuses a fast upload and closes is heard, although what we still send it fails', async () => {
  await using app = await startRaw((wire) => {
    wire.socket.once('data', () => {
      wire.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
      wire.socket.destroySoon()
    })
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const piece = 'x'.repeat(65_536)
  const auth = `Host: h\r\nX-API-Token: ${token}\r\n`
  for (const [framing, bytes] of [
    ['Content-Length: 100000000', piece],
    ['Transfer-Encoding: chunked', `10000\r\n${piece}\r\n`],
  ] as const) {
    const wire = await front.wire()
    wire.send(`POST /hello/ HTTP/1.1\r\n${auth}${framing}\r\n\r\n`)
    const pour = (): void => {
      while (wire.socket.writable && wire.socket.write(bytes));
    }
    wire.socket.on('drain', pour)
    pour()
    const response = await wire.response('POST')
    assert.deepEqual([response.status, response.body], [413, 'no'])
    await wire.untilEnded()
  }
})

test('pieces that come behind a broken chunk are harmless, whether or not the app answers already', async () => {
  await using app = await startRaw((wire) => {
    wire.socket.on('data', (data: Buffer) => {
      if (data.includes('/early')) wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart')
    })
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  for (let turn = 0; turn < 40; turn += 1) {
    const wire = await front.wire()
    wire.socket.setNoDelay(true)
    const head = `Host: h\r\nX-API-Token: ${token}\r\nTransfer-Encoding: chunked\r\n\r\n`
    wire.send(`POST /hello/${turn % 2 === 0 ? 'early' : 'never'} HTTP/1.1\r\n${head}`)
    if (turn % 2 === 0) await once(wire.socket, 'data')
    // Each piece arrives by itself; a gateway that has stopped listening for a moment finds several at once.
    const pieces = [...Array<string>(turn % 8).fill('5\r\nhello\r\n'), '5\r\nhello', ...'Zabcdefghijklmnop'.split('')]
    for (const piece of pieces) {
      if (wire.socket.writable) wire.send(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await wire.untilEnded()
  }
})

test('an app that goes on behind its whole response, while the end of the upload is on its way, is done with', async () => {
  const heads: Wire[] = []
  await using app = await startRaw((wire) => {
    heads.push(wire)
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const wire = await front.wire()
  wire.send(`POST /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: 10\r\n\r\nhello`)
  await eventually(() => heads[0]?.received.endsWith('hello'), { what: 'the first half' })
  const early = heads[0] as Wire
  // One turn of the loop reads the end of the body and the response, the next one what is too much; only then is the
  // end of the body sent.
  wire.send('world')
  early.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await new Promise((resolve) => setImmediate(resolve))
  early.send('more')
  assert.equal((await wire.response('POST')).body, 'ok')
  wire.send('GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.equal((await wire.response()).status, 200, 'the connection serves on')
  assert.equal(front.gateway.inflight().length, 0)
})

test('who waits for a connection does not get one that the app has closed behind its early response', async () => {
  const heads: Wire[] = []
  await using app = await startRaw((wire) => {
    if (heads.push(wire) === 2)
      wire.socket.once('data', () => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo'))
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)), { connections: { max: 1, queue: 4, idle: null } })])
  const head = `POST /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n`
  const one = await front.wire()
  one.send(`${head}Content-Length: 10\r\n\r\nhello`)
  await eventually(() => heads[0]?.received.endsWith('hello'), { what: 'the first half' })
  const two = await front.wire()
  two.send(`${head}Content-Length: 2\r\n\r\nhi`)
  await eventually(() => front.gateway.inflight().length === 2, { what: 'the second request' })
  heads[0]?.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none')
  heads[0]?.socket.end()
  assert.equal((await one.response('POST')).body, 'one')
  one.send('world')
  assert.equal((await two.response('POST')).body, 'two')
})

test('who waits for a connection does not get one that the app has closed behind its response without a word', async () => {
  const seen: string[] = []
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  await using app = await startRaw((wire) => {
    wire.socket.once('data', (bytes) => {
      seen.push(bytes.toString('latin1').slice(-5))
      // Both before the gateway reads any of it.
      wire.socket.write(ok, () => wire.socket.destroy())
    })
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)), { connections: { max: 1, queue: 4, idle: null } })])
  const bodies = ['first', 'other', 'third']
  const wires = await Promise.all(bodies.map(() => front.wire()))
  for (const [index, wire] of wires.entries())
    wire.send(`POST /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: 5\r\n\r\n${bodies[index]}`)
  for (const wire of wires) assert.equal((await wire.response('POST')).status, 200)
  assert.deepEqual(seen.toSorted(), bodies.toSorted())
})

test('a client that was promised its connection is served once more when another process accepts', async () => {
  const apps: Wire[] = []
  await using app = await startRaw((wire) => {
    apps.push(wire)
    wire.socket.on('data', (data) => {
      wire.send(
        data.includes('/one')
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none'
          : 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo',
      )
    })
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const wire = await front.wire()
  const ask = (path: string): string => `GET /hello/${path} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n\r\n`
  wire.send(ask('one') + ask('two'))
  await wire.until((text) => text.endsWith('one'), 'the first half')
  front.gateway.leave()
  apps[0]?.send('one')
  const first = await wire.response()
  assert.deepEqual([first.body, first.field('connection')], ['oneone', undefined])
  const second = await wire.response()
  assert.deepEqual([second.body, second.field('connection')], ['two', 'close'])
  await wire.untilEnded()
})

test('a client that leaves before it has all of a response that is over has left', async () => {
  const accepted: Socket[] = []
  const note = (message: unknown): void => void accepted.push((message as { socket: Socket }).socket)
  const { promise, resolve } = Promise.withResolvers<Wire>()
  await using app = await startRaw(resolve)
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  diagnostics.subscribe('net.server.socket', note)
  const wire = await front.wire()
  diagnostics.unsubscribe('net.server.socket', note)
  wire.socket.pause()
  wire.send(`GET /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n\r\n`)
  const far = await promise
  const near = accepted.find(({ remotePort }) => remotePort === wire.socket.localPort) as Socket
  far.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  // Until the kernels take no more, and no further: the gateway reads on to the end.
  const size = 20_000
  for (let sent = size; near.writableLength === 0; sent += size) {
    far.send(`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`)
    while (near.bytesWritten < sent) await new Promise((turn) => setImmediate(turn))
  }
  far.send('0\r\n\r\n')
  far.socket.end()
  await far.untilEnded()
  assert.equal(front.exchanges.length, 0)
  wire.socket.resetAndDestroy()
  const { status, error } = await front.exchange(() => true)
  assert.deepEqual([status, error?.code], [499, 'client-left'])
})
