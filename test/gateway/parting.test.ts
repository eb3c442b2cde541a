import assert from 'node:assert/strict'
import net, { type Socket } from 'node:net'
import test from 'node:test'

import { at, type Front, ready, route, startFront, token, Wire } from './kit.ts'

interface Stage extends AsyncDisposable {
  readonly front: Front
  readonly client: Wire
  readonly app: Wire
  /** The run is to go; another takes its place. */
  retire(): void
}

/** A request under way: the client's and the app's side of it, byte for byte. */
async function stage(request: string, streams = 0): Promise<Stage> {
  const front = await startFront()
  const sockets: Socket[] = []
  const { promise, resolve } = Promise.withResolvers<Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    resolve(socket)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as net.AddressInfo
  front.routes([route('hello', ready(at(1, port)), { streams })])
  const client = await front.wire()
  client.send(`${request} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n${upgrade(request)}\r\n`)
  const app = new Wire(await promise)
  await app.until((text) => text.includes('\r\n\r\n'), 'the request')
  app.received = ''
  return {
    front,
    client,
    app,
    retire: () => front.routes([route('hello', ready(at(2, port)), { streams })], [1]),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await front[Symbol.asyncDispose]()
      server.close()
    },
  }
}

function upgrade(request: string): string {
  if (!request.includes('/ws')) return ''
  return 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n'
}

async function openWebSocket(streams = 0): Promise<Stage> {
  const open = await stage('GET /hello/ws', streams)
  open.app.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await open.client.until((text) => text.endsWith('\r\n\r\n'), 'the switch')
  open.client.received = ''
  return open
}

const goodbye = '\x88\x02\x03\xf4'

test('a WebSocket that opens when its instance is to go already gets the head of the switch before the Close', async () => {
  await using open = await stage('GET /hello/ws')
  const { client, app } = open
  // A frame before it is asked for, as some clients send it.
  client.send('\x81\x80\0\0\0\0')
  open.retire()
  app.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const received = await client.until((text) => text.includes(goodbye) && text, 'the Close')
  assert.match(received, /^HTTP\/1\.1 101 /)
  assert.ok(received.endsWith(`\r\n\r\n${goodbye}`))
})

test('a WebSocket whose instance is to go gets a Close 1012 on both sides, masked for the app, and the instance is drained', async () => {
  await using open = await openWebSocket()
  const { client, app, front } = open
  open.retire()
  await client.until((text) => text === goodbye, 'the Close')
  const masked = await app.until((text) => text.length === 8 && text, 'the Close for the app')
  assert.equal(masked.slice(0, 2), '\x88\x82')
  const bytes = Buffer.from(masked, 'latin1')
  const code = [0, 1].map((i) => (bytes[6 + i] as number) ^ (bytes[2 + i] as number))
  assert.deepEqual(code, [0x03, 0xf4])
  // Both answer as RFC 6455 §5.5.1 asks; the server closes first.
  client.send('\x88\x80\0\0\0\0')
  app.send(goodbye)
  app.socket.end()
  assert.equal(await client.untilEnded(), goodbye, 'the answer of the app is not a second Close')
  client.socket.end()
  const exchange = await front.exchange(({ status }) => status === 101)
  assert.equal(exchange.error, null)
  await front.exchange(() => front.reports.some(({ type }) => type === 'drained'))
})

test('a Close never tears a frame, of either side', async () => {
  await using open = await openWebSocket()
  const { client, app } = open
  app.send('\x81\x05hel')
  client.send('\x81\x83\0\0\0\0a')
  await client.until((text) => text === '\x81\x05hel', 'the first half')
  await app.until((text) => text.endsWith('a'), 'the first half')
  open.retire()
  app.send('lo\x81\x02no')
  await client.until((text) => text.length >= 11, 'the rest and the Close')
  assert.equal(client.received, `\x81\x05hello${goodbye}`, 'whole frames, then the Close, then nothing')
  client.send('bc\x81\x81\0\0\0\0d')
  const seen = await app.until((text) => text.length >= 17 && text, 'the rest and the Close')
  assert.equal(seen.slice(0, 9), '\x81\x83\0\0\0\0abc')
  assert.equal(seen.slice(9, 11), '\x88\x82')
  assert.equal(seen.length, 17, 'nothing follows a Close')
})

test('a WebSocket that both sides keep open after the Close ends all the same', async () => {
  await using open = await openWebSocket()
  open.retire()
  assert.equal(await open.client.untilEnded(), goodbye)
})

test('an event stream is ended behind an event, as a whole response', async () => {
  await using open = await stage('GET /hello/events')
  const { client, app, front } = open
  app.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
  app.send('e\r\ndata: 1\n\ndata:\r\n')
  await client.until((text) => text.includes('data:\r\n'), 'the half event')
  open.retire()
  app.send('9\r\n 2\n\ndata:\r\n')
  const response = await client.response()
  assert.equal(response.body, 'data: 1\n\ndata: 2\n\n')
  assert.equal((await front.exchange(({ status }) => status === 200)).error, null)
  await app.untilEnded()
  client.send(`GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n`)
  assert.equal((await client.response()).status, 200, 'the connection serves on')
})

test('a stream that answers a POST is a result: it is left to drain', async () => {
  await using open = await stage('POST /hello/completion')
  const { client, app } = open
  app.send(
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
  )
  await client.until((text) => text.includes('data: 1'), 'the first event')
  open.retire()
  app.send('9\r\ndata: 2\n\n\r\n0\r\n\r\n')
  assert.equal((await client.response()).body, 'data: 1\n\ndata: 2\n\n')
})

test('a stream that begins when its instance is to go already takes leave too', async () => {
  await using open = await stage('GET /hello/events')
  const { client, app } = open
  open.retire()
  app.send(
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
  )
  assert.equal((await client.response()).body, 'data: 1\n\n')
})
