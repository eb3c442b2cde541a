import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'

import { ask, hidden, ok, startRig } from '../conformance/kit.ts'
import { patience, within } from '../support/wait.ts'
import { startFront } from './kit.ts'

const rounds = `Via: ${Array(5).fill('1.1 quaymaster').join(', ')}`

const refused = [
  { what: 'came round too often', status: 508, head: (...more: string[]) => ask('POST /x', rounds, ...more) },
  {
    what: 'asks for what is not known',
    status: 417,
    head: (...more: string[]) => ask('POST /x', 'Expect: gold', ...more),
  },
  { what: 'has two hosts', status: 400, head: (...more: string[]) => ask('POST /x', 'Host: g', ...more) },
]

for (const { what, status, head } of refused)
  test(`the body of a request that is refused because its head ${what} is not read as another request`, async () => {
    await using rig = await startRig()
    const peer = await rig.dial()
    peer.send(head(`Content-Length: ${hidden.length}`) + hidden)
    assert.equal((await peer.response('POST')).status, status)
    await peer.untilEnded()
    assert.deepEqual(rig.child.requests, [])
  })

test('clients that ask and never read what we answer are gone in time, and others are served', async () => {
  // Room for 36 sockets.
  await using front = await startFront({ files: 100, timeouts: { stall: 300, keepAlive: 300, head: 300, body: 300 } })
  const flood = 'GET /x HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n'.repeat(2_000)
  const closed = Array.from({ length: 36 }, async () => {
    const socket = net.connect({ port: front.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.pause()
    const more = (): void => {
      while (!socket.destroyed) if (!socket.write(flood)) return void socket.once('drain', more)
    }
    more()
    await new Promise((resolve) => socket.once('close', resolve))
  })
  await within(Promise.all(closed), patience, 'the end of all of them')
  assert.equal((await front.ask('GET /-/health')).status, 200)
  assert.ok(front.exchanges.some(({ error }) => error?.code === 'client-left'))
})

const awaited = [
  { what: 'a request that may be what kills its app', head: (...more: string[]) => ask('PUT /b', ...more) },
  {
    what: 'a form of our own',
    head: (...more: string[]) => `POST /-/login HTTP/1.1\r\nHost: h\r\n${more.join('\r\n')}\r\n\r\n`,
  },
]

for (const { what, head } of awaited)
  test(`the 100 of ours to ${what} does not overtake the response to the one before`, async () => {
    const poison = { seq: 1, suspects: ['PUT /b #0123456789ab'], quarantined: [] }
    const replay = { idempotent: true, key: true, body: 1_000 }
    await using rig = await startRig({ route: { poison, replay } })
    const clients = await Promise.all(Array.from({ length: 40 }, () => rig.dial()))
    // All answers of the app in one turn, with the next request of each client behind them: so the first ones wait for the
    // end of the turn.
    const waiting = new Set<{ send(bytes: string): void }>()
    rig.child.script = (peer, { target }) => {
      if (!target.startsWith('/a')) return ok
      waiting.add(peer)
      if (waiting.size < clients.length) return undefined
      for (const one of waiting) one.send(ok)
      for (const client of clients) client.send(head('Content-Length: 2', 'Expect: 100-continue'))
      return undefined
    }
    for (const client of clients) client.send(ask('GET /a'))
    for (const client of clients) {
      const received = await client.until(() => client.received.includes('100 C') && client.received, 'the 100')
      assert.match(received, /^HTTP\/1\.1 200 /)
    }
  })
