import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'

import type { FrontDoor } from '../../src/gateway/front-door.ts'
import { eventually } from '../support/wait.ts'
import { at, ready, route, startFront, startRaw, token, type Wire } from './kit.ts'
import { ask, soon, stage } from './stage.ts'

/** What an app sees that closes whatever is one more than `max` connections. */
function count(upstream: http.Server, max: number): { most: number; refused: number } {
  const seen = { most: 0, refused: 0 }
  let open = 0
  upstream.maxConnections = max
  upstream.on('drop', () => (seen.refused += 1))
  upstream.on('connection', (socket) => {
    seen.most = Math.max(seen.most, ++open)
    socket.once('close', () => (open -= 1))
  })
  return seen
}

/** Until the routes are known to both threads, over which the kernel spreads connections. */
async function bothServe(gateway: FrontDoor): Promise<void> {
  await soon(async () => {
    for (let i = 0; i < 20; i += 1) assert.equal(await ask(gateway), '200 hi')
  })
}

for (const max of [1, 3]) {
  test(`two threads open ${max} connections to an instance together, and the clients of neither starve`, async () => {
    await using it = await stage((_request, response) => void setTimeout(() => response.end('hi'), 1))
    const seen = count(it.upstream, max)
    it.route(it.ready, [], undefined, { max })
    await bothServe(it.gateway)
    const clients = Array.from({ length: 24 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
    const answered = clients.map(() => 0)
    // All go on until the last of them has had enough: one that is never served would keep this from its end.
    const visit = async (agent: http.Agent, at: number): Promise<void> => {
      while (Math.min(...answered) < 5) {
        assert.equal(await ask(it.gateway, agent), '200 hi')
        answered[at] = (answered[at] ?? 0) + 1
      }
    }
    await Promise.all(clients.map(visit))
    for (const agent of clients) agent.destroy()
    assert.deepEqual(seen, { most: max, refused: 0 })
  })
}

for (const queue of [0, 1]) {
  test(`the one connection there may be, idle at one thread, is given up for a request at another where ${queue} may wait`, async () => {
    await using it = await stage((_request, response) => {
      response.setHeader('Keep-Alive', 'timeout=600').end('hi')
    })
    const seen = count(it.upstream, 1)
    it.upstream.keepAliveTimeout = 600_000
    it.route(it.ready, [], undefined, { max: 1, queue, idle: 600_000 })
    await bothServe(it.gateway)
    assert.deepEqual(seen, { most: 1, refused: 0 })
  })
}

for (const threads of [1, 2]) {
  test(`clients that fit are never refused, each asking as soon as it has its answer, with ${threads} of threads`, async () => {
    await using it = await stage((_request, response) => void setTimeout(() => response.end('hi'), 1), threads)
    const seen = count(it.upstream, 1)
    it.route(it.ready, [], undefined, { max: 1, queue: 5 })
    await bothServe(it.gateway)
    const clients = Array.from({ length: 6 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
    const answers: string[] = []
    const visit = async (agent: http.Agent): Promise<void> => {
      for (let left = 20; left > 0; left -= 1) answers.push((await ask(it.gateway, agent)).slice(0, 3))
    }
    await Promise.all(clients.map(visit))
    for (const agent of clients) agent.destroy()
    assert.deepEqual(new Set(answers), new Set(['200']))
    assert.deepEqual(seen, { most: 1, refused: 0 })
  })
}

test('as many wait for a connection as may, at all threads together; one more is refused', async () => {
  let holds = false
  const held: http.ServerResponse[] = []
  await using it = await stage((_request, response) => void (holds ? held.push(response) : response.end('hi')))
  it.route(it.ready, [], undefined, { max: 1, queue: 3 })
  await bothServe(it.gateway)
  holds = true
  const first = ask(it.gateway)
  await eventually(() => held.length === 1, { what: 'the one connection to be in use' })
  const asked = Array.from({ length: 16 }, () => ask(it.gateway))
  const answers: string[] = []
  for (const one of asked) void one.then((answer) => answers.push(answer.slice(0, 3)))
  await eventually(() => answers.length === 13, { what: 'those who are refused' })
  assert.deepEqual(
    answers,
    Array.from(answers, () => '503'),
  )
  holds = false
  for (const response of held) response.end('hi')
  await Promise.all(asked)
  assert.deepEqual([await first, ...answers.slice(13)], ['200 hi', '200', '200', '200'])
})

test('a thread that dies gives back its connections, and those who wait at another get them', async () => {
  let holds = false
  const held: http.ServerResponse[] = []
  await using it = await stage((_request, response) => void (holds ? held.push(response) : response.end('hi')))
  it.route(it.ready, [], undefined, { max: 12 })
  await bothServe(it.gateway)
  holds = true
  const asked: Promise<string>[] = []
  const answers: string[] = []
  const askOnce = (): void => {
    const one = ask(it.gateway).catch(() => 'lost')
    asked.push(one)
    void one.then((answer) => answers.push(answer))
  }
  // One by one, so that each thread has those of its clients.
  for (let i = 1; i <= 12; i += 1) {
    askOnce()
    await eventually(() => held.length === i, { what: 'the next connection to be in use' })
  }
  for (let i = 0; i < 24; i += 1) askOnce()
  holds = false
  await it.workers[0]?.terminate()
  // Those of the dead thread are lost, and what it held serves all who wait at the other, whose own remain held.
  const alive = (): number => held.filter((response) => !response.destroyed).length
  await eventually(() => answers.length + alive() === asked.length, { what: 'those who waited' })
  assert.ok(alive() < 12 && alive() > 0)
  for (const response of held) response.end('hi')
  await Promise.all(asked)
  assert.deepEqual(new Set(answers), new Set(['lost', '200 hi']))
  await soon(() => assert.equal(it.workers.length, 3))
  await bothServe(it.gateway)
})

test('however an exchange ends, the one connection is free for the next, and for no more than one', async () => {
  const answers: Record<string, string> = {
    hi: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    surplus: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, ho',
    delimited: 'HTTP/1.1 200 OK\r\n\r\nhi',
    cut: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi',
    bad: 'HTTP/1.1 nonsense\r\n\r\n',
    none: '',
    switch: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: knock\r\n\r\nhi',
  }
  const held: Wire[] = []
  await using app = await startRaw((wire) => {
    wire.socket.on('data', () => {
      const name = /^[A-Z]+ \/(\w+)/.exec(wire.received)?.[1] ?? ''
      wire.received = ''
      if (name === 'hang') held.push(wire)
      else wire.send(answers[name] ?? '')
      if (!['hi', 'surplus', 'hang'].includes(name)) wire.socket.end()
    })
  })
  await using front = await startFront()
  const connections = { max: 1, queue: 0, idle: null }
  front.routes([route('hello', ready(at(1, app.port)), { connections })])
  const statuses: number[] = []
  const ends = ['GET /hello/hi', 'GET /hello/surplus', 'GET /hello/delimited', 'GET /hello/cut', 'GET /hello/bad']
  for (const one of [
    ...ends,
    'POST /hello/none',
    'GET /hello/none',
    'GET /hello/switch',
    'POST /hello/hi',
    'GET /hello/hang',
  ]) {
    const wire = await front.wire()
    const more = one.includes('switch') ? 'Connection: Upgrade\r\nUpgrade: knock\r\n' : ''
    // Of a body that is never whole.
    const body = one === 'POST /hello/hi' ? 'Content-Length: 9\r\n\r\nhalf' : '\r\n'
    wire.send(`${one} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n${more}${body}`)
    if (one.includes('hang')) await eventually(() => held.length === 1, { what: 'the request' })
    else await wire.until((received) => received.includes('\r\n\r\n'), 'an answer')
    wire.socket.destroy()
    await held[0]?.untilEnded()
    // An exchange whose client has gone ends when that is heard of.
    await eventually(() => front.gateway.inflight().length === 0, { what: 'its end' })
    statuses.push((await front.ask('GET /hello/hi')).status)
  }
  assert.deepEqual(new Set(statuses), new Set([200]))
  const last = front.ask('GET /hello/hang')
  await eventually(() => held.length === 2, { what: 'the one connection to be in use' })
  assert.equal((await front.ask('GET /hello/hi')).status, 503)
  held[1]?.send(answers['hi'] ?? '')
  assert.equal((await last).status, 200)
})
