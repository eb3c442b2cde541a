import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, ready, route, startFront, startRaw } from './kit.ts'

/** Nothing of this thread runs for so long: what arrives meanwhile waits in the sockets. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const timeouts = { head: 300, body: 300, keepAlive: 300 }

test('a request that came in time is answered by a gateway that could not look until it was too late', async () => {
  await using front = await startFront({ timeouts })
  const wire = await front.wire()
  const health = 'GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n'
  for (let turn = 0; turn < 3; turn += 1) {
    wire.send(health)
    assert.equal((await wire.response()).status, 200)
    wire.send(health)
    standStill(600)
    assert.equal((await wire.response()).status, 200)
  }
})

test('an answer that came in time is passed on by a gateway that could not look until it was too late', async () => {
  await using app = await startRaw((wire) => {
    wire.socket.on('data', () => {
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      standStill(600)
    })
  })
  await using front = await startFront()
  front.routes([
    route('hello', ready(at(1, app.port)), { timeouts: { connect: 5_000, response: 300, idle: 0, total: 0 } }),
  ])
  assert.equal((await front.ask('GET /hello/')).status, 200)
})
