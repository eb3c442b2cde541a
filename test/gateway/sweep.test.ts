import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../src/lib/clock.ts'
import { Sweep } from '../../src/gateway/sweep.ts'
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

test('a request that came in time is answered although other sockets took all the time until it was too late', async (t) => {
  await using front = await startFront({ timeouts: { head: 1_000, body: 1_000, keepAlive: 1_000 } })
  const wire = await front.wire()
  const health = 'GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n'
  wire.send(health)
  assert.equal((await wire.response()).status, 200)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const here = connect(port)
  const [there] = (await once(server, 'connection')) as [Socket]
  t.after(() => {
    for (const socket of [here, there]) socket.destroy()
    server.close()
  })
  // What this does happens between timers and immediates, and after the first the next beat is due.
  here.write('x')
  there.once('data', () => {
    standStill(300)
    there.write('x')
  })
  here.once('data', () => {
    wire.send(health)
    standStill(1_000)
  })
  assert.equal((await wire.response()).status, 200)
})

test('of many that are late in the same moment, a few are judged in each turn of the event loop', async () => {
  let turn = 0
  const judged = new Map<number, number>()
  using sweep = new Sweep(systemClock, (_, error) => assert.fail(String(error)))
  const waiting = Array.from({ length: 500 }, () => ({
    deadline: 0,
    isPaused: false,
    late(): void {
      this.deadline = Infinity
      judged.set(turn, (judged.get(turn) ?? 0) + 1)
    },
    feel(): void {},
  }))
  for (const one of waiting) sweep.add(one)
  for (; waiting.some(({ deadline }) => deadline === 0); turn += 1) await nextTurn()
  assert.ok(Math.max(...judged.values()) <= 64, JSON.stringify([...judged]))
})
