import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'

import { eventually } from '../support/wait.ts'
import { at, type Front, ready, route, startFront, token, waiting } from './kit.ts'

const size = 12_000_000
const whole = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`),
  Buffer.alloc(size, 'abcdefghijklmnop'),
])

/** An instance that says this to whoever asks; resolves with the connection when the kernel has all of it. */
async function startInstance(says: Buffer): Promise<AsyncDisposable & { port: number; said: Promise<net.Socket> }> {
  const { promise: said, resolve } = Promise.withResolvers<net.Socket>()
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(says, () => resolve(socket)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    said,
    async [Symbol.asyncDispose]() {
      server.close()
      await said.then((socket) => socket.destroy())
    },
  }
}

async function askFor(front: Front): Promise<net.Socket> {
  const client = net.connect(front.port, '127.0.0.1')
  client.pause()
  client.write(`GET /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nConnection: close\r\n\r\n`)
  await once(client, 'connect')
  return client
}

test('what an instance had said before its end reaches a client that reads slowly', async () => {
  await using instance = await startInstance(whole)
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, instance.port)))])
  const client = await askFor(front)
  // So much waits behind a client that takes nothing that the rest is with the kernel of the instance.
  const over = instance.said.then((socket) => socket.end())
  let got = 0
  client.on('data', (piece: Buffer) => {
    got += piece.length
    client.pause()
  })
  const reading = setInterval(() => client.resume(), 10)
  await over
  front.routes([route('hello', waiting)])
  await once(client, 'close')
  clearInterval(reading)
  assert.equal(got > size, true, `${got} bytes`)
  const { error, status } = await front.exchange(() => true)
  assert.deepEqual([status, error], [200, null])
})

test('where somebody holds the connection of an ended instance open and says nothing, its requests are cut', async () => {
  await using instance = await startInstance(whole.subarray(0, 1_000))
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, instance.port)))])
  const client = await askFor(front)
  await instance.said
  await once(client.resume(), 'data')
  front.routes([route('hello', waiting)])
  await once(client, 'close')
  const { error } = await front.exchange(() => true)
  assert.deepEqual([error?.code, error?.source], ['connection-lost', 'app'])
  assert.match(error?.detail ?? '', /^The app ended before its answer was complete\./)
})

test('what is still in flight on an instance that is stopped is cut, however its client reads', async () => {
  await using instance = await startInstance(whole)
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, instance.port)))])
  const client = await askFor(front)
  await eventually(() => front.gateway.inflight().length === 1, { what: 'the request' })
  const change = { put: [route('hello', waiting)], gone: [], drain: [], over: [], ended: [{ run: 1, fell: false }] }
  front.gateway.change(change)
  const { error } = await front.exchange(() => true)
  assert.equal(error?.code, 'cut')
  assert.match(error?.detail ?? '', /^The gateway stopped this instance/)
  client.destroy()
})
