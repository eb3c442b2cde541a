import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'

import { trustAfter } from '../../src/gateway/trust.ts'
import { eventually } from '../support/wait.ts'
import { type App, at, type Front, ready, route, startFront, startRaw, token } from './kit.ts'

test('what must not be sent twice trusts a connection for half as long as one that was closed early had lived', () => {
  assert.equal(trustAfter(Number.POSITIVE_INFINITY, 2_000), 1_000)
  assert.equal(trustAfter(600, 2_000), 600)
  assert.equal(trustAfter(600, 5), 0)
})

const endings: Readonly<Record<string, (socket: Socket) => void>> = {
  'closes its side at once': (socket) => socket.end(),
  'closes a few milliseconds later': (socket) => void setTimeout(() => socket.end(), 5 * Math.random()),
  'closes both sides at once': (socket) => socket.destroySoon(),
}

for (const [words, leave] of Object.entries(endings))
  test(`an app that ${words} without a word loses a few POSTs at most, and none twice`, async () => {
    const seen = new Map<string, number>()
    await using app = await serve(seen, leave)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const wire = await front.wire()
    const post = async (id: string, by = wire): Promise<number> => {
      by.send(`POST /hello/${id} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: 2\r\n\r\nab`)
      return (await by.response()).status
    }
    // Until it is told, which takes a connection that was seen to end while idle, and a new one behind it.
    let lost = 0
    for (let turn = 0; !front.reports.some(({ type }) => type === 'hasty'); turn += 1) {
      assert.ok(turn < 100)
      if ((await post(`before-${turn}`)) !== 200) lost += 1
    }
    assert.ok(lost <= 2, `${lost} were lost`)
    for (let turn = 0; turn < 100; turn += 1) assert.equal(await post(`alone-${turn}`), 200)
    const wires = await Promise.all(Array.from({ length: 20 }, () => front.wire()))
    const rounds = wires.map(async (by, client) => {
      for (let turn = 0; turn < 5; turn += 1) assert.equal(await post(`beside-${client}-${turn}`, by), 200)
    })
    await Promise.all(rounds)
    assert.deepEqual(
      [...seen].filter(([, times]) => times > 1),
      [],
    )
    assert.equal(front.reports.filter(({ type }) => type === 'hasty').length, 1)
  })

test('a POST that may not have the one kept connection gets a new one in its place', async () => {
  let leave: (socket: Socket) => void = (socket) => socket.end()
  let opened = 0
  await using app = await serve(
    new Map(),
    (socket) => leave(socket),
    () => (opened += 1),
  )
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)), { connections: { max: 1, queue: 10, idle: null } })])
  await untilTold(front)
  leave = () => {}
  assert.equal((await front.ask('GET /hello/kept')).status, 200)
  const before = opened
  assert.equal((await front.ask('GET /hello/again')).status, 200)
  assert.equal(opened, before)
  // One waits for the connection that the other has, and both for that of the GET.
  const both = await Promise.all([front.ask('POST /hello/1'), front.ask('POST /hello/2')])
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  )
  assert.equal(opened, before + 2)
})

test('the 502 of a POST that met the end of a kept connection says what helps, and is the only one', async () => {
  // Hangs up on the second request of each connection.
  await using app = await startRaw((wire) => {
    let asked = 0
    wire.socket.on('data', () => {
      if (++asked === 1) wire.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else wire.socket.end()
    })
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  assert.equal((await front.ask('POST /hello/1')).status, 200)
  const lost = await front.ask('POST /hello/2')
  assert.equal(lost.status, 502)
  assert.match(lost.body, /connections: \{ idle: 0 \}/)
  for (let turn = 3; turn < 20; turn += 1) assert.equal((await front.ask(`POST /hello/${turn}`)).status, 200)
})

test('an app that keeps its connections has them used again, by POSTs too', async () => {
  let opened = 0
  const seen = new Map<string, number>()
  await using app = await serve(
    seen,
    () => {},
    () => (opened += 1),
  )
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)), { hold: { for: 100, max: 10 } })])
  for (let turn = 0; turn < 50; turn += 1) assert.equal((await front.ask(`POST /hello/${turn}`)).status, 200)
  assert.equal(opened, 1)
  // Its end closes them all, and is nothing to learn from.
  await app.kill()
  await eventually(() => app.sockets.size === 0, { what: 'the end of its connections' })
  await front.ask('POST /hello/after')
  assert.ok(!front.reports.some(({ type }) => type === 'hasty'))
})

/** Answers each request, counts it by its path, and leaves its connection. */
function serve(
  seen: Map<string, number>,
  leave: (socket: Socket) => void,
  opened: () => void = () => {},
): Promise<App> {
  return startRaw((wire) => {
    opened()
    wire.socket.on('data', () => {
      for (;;) {
        const [whole, path = '', length = '0'] =
          /^\w+ (\S+) [\s\S]*?\r\n(?:content-length: (\d+)\r\n[\s\S]*?)?\r\n/i.exec(wire.received) ?? []
        if (whole === undefined || wire.received.length < whole.length + Number(length)) return
        wire.received = wire.received.slice(whole.length + Number(length))
        seen.set(path, (seen.get(path) ?? 0) + 1)
        wire.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', () => leave(wire.socket))
      }
    })
  })
}

async function untilTold(front: Front): Promise<void> {
  const isTold = async (): Promise<boolean> => {
    await front.ask('GET /hello/learn')
    return front.reports.some(({ type }) => type === 'hasty')
  }
  await eventually(isTold, { what: 'the report' })
}
