import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'

import { Outlet } from '../../src/gateway/outlet.ts'
import { NONE } from '../../src/http/framing.ts'
import { eventually } from '../support/wait.ts'

interface Pair extends AsyncDisposable {
  readonly near: net.Socket
  readonly far: net.Socket
}

async function connected(): Promise<Pair> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
  const [far] = (await once(server, 'connection')) as [net.Socket]
  if (near.connecting) await once(near, 'connect')
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy()
      far.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('pieces of any size arrive whole and in order, however full the way is', async () => {
  await using pair = await connected()
  const out = new Outlet(pair.near)
  let sent = ''
  let waits = 0
  // Nobody reads: the kernel is full after some of them, then libuv, then the stream.
  for (let round = 0; round < 400 && waits < 8; round++) {
    const size = [30, 9_000, 16 * 1024, 40_000][round % 4] ?? 0
    const text = `${round}:${String.fromCharCode(97 + (round % 26)).repeat(size)}\n`
    out.text(text, NONE)
    sent += text
    const more = out.flush()
    if (!out.isEmpty) waits += 1
    if (waits > 6) assert.equal(more, false)
  }
  assert.equal(waits, 8)
  out.text('last', NONE)
  out.flush()
  pair.near.end()
  let received = ''
  pair.far
    .setEncoding('latin1')
    .on('data', (text: string) => (received += text))
    .resume()
  await once(pair.far, 'end')
  assert.equal(received, `${sent}last`)
  assert.equal(out.isEmpty, true)
})

test('a write of nothing waits for what went past the stream', async () => {
  await using pair = await connected()
  const out = new Outlet(pair.near)
  for (let count = 0; out.isEmpty; count++) {
    assert.ok(count < 10_000, 'the kernel takes everything')
    out.text('x'.repeat(9_000), NONE)
    assert.equal(out.flush(), true)
  }
  assert.equal(pair.near.writableLength, 0)
  let seen: boolean | null = null
  pair.near.write('', () => (seen = out.isEmpty))
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(seen, null)
  pair.far.resume()
  await eventually(() => seen !== null, { what: 'the end of the write' })
  assert.equal(seen, true)
})

test('a write to who is gone destroys the socket with the reason', async () => {
  await using pair = await connected()
  const out = new Outlet(pair.near)
  const broken = once(pair.near, 'error')
  // What the far side sends last, a reset, is left unread: the next write is the first to hear of it.
  pair.near.pause()
  pair.far.resetAndDestroy()
  const timer = setInterval(() => {
    out.text('hello', NONE)
    out.flush()
  }, 5)
  const [error] = (await broken.finally(() => clearInterval(timer))) as [NodeJS.ErrnoException]
  assert.match(String(error.code), /^(EPIPE|ECONNRESET)$/)
  assert.equal(pair.near.destroyed, true)
  out.text('nobody', NONE)
  out.flush()
})
