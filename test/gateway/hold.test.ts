import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

import { Hold } from '../../src/gateway/hold.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'
import { eventually } from '../support/wait.ts'
import {
  at,
  echo,
  type Echoed,
  type Front,
  ready,
  route,
  startApp,
  startFront,
  startRaw,
  token,
  waiting,
} from './kit.ts'

const auth = `Host: h\r\nX-API-Token: ${token}\r\n`

function count(front: Front, type: GatewayReport['type']): number {
  return front.reports.filter((report) => report.type === type).length
}

describe('a request for an app that is not ready', () => {
  test('is held, and served when the app is', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', waiting)])
    const answer = front.ask('POST /hello/x', 'Content-Length: 3', '', 'abc')
    await eventually(() => count(front, 'wanted') === 1, { what: 'the report' })
    assert.deepEqual(front.reports, [{ type: 'wanted', app: 'hello' }])
    await delay(50)
    front.routes([route('hello', ready(at(1, app.port)))])
    assert.equal(((await answer).json() as unknown as Echoed).body, 'abc')
    const entry = await front.exchange(() => true)
    assert.ok(entry.held >= 45 && entry.held <= entry.took, String(entry.held))
  })

  test('is served in the order it came, and the app is wanted once', async () => {
    const order: (string | undefined)[] = []
    await using app = await startApp((request, response) => {
      order.push(request.url)
      response.end()
    })
    await using front = await startFront()
    front.routes([route('hello', waiting)])
    const answers = []
    for (let number = 0; number < 4; number += 1) {
      answers.push(front.ask(`GET /hello/${number}`))
      await delay(10)
    }
    front.routes([route('hello', ready(at(1, app.port)))])
    await Promise.all(answers)
    assert.deepEqual(order, ['/0', '/1', '/2', '/3'])
    assert.equal(count(front, 'wanted'), 1)
  })

  test('is told 503, the reason and when to come back once its time is over', async () => {
    await using front = await startFront()
    front.routes([route('hello', waiting, { hold: { for: 80, max: 10 } })])
    const response = await front.ask('GET /hello/')
    assert.equal(response.status, 503)
    assert.equal(response.field('retry-after'), '1')
    assert.match(String(response.json()['detail']), /"hello" is not ready: starting/)
    assert.equal(front.exchanges[0]?.error?.code, 'not-ready')
  })

  test('is told 503 at once when its app will not be woken before its time is over, and has it woken all the same', async () => {
    await using front = await startFront()
    const until = systemClock.now() + 100_000
    front.routes([route('hello', { kind: 'waiting', why: 'crash-looping', until }, { hold: { for: 60_000, max: 10 } })])
    const response = await front.ask('GET /hello/')
    assert.equal(response.status, 503)
    assert.match(response.field('retry-after') ?? '', /^(100|9\d)$/)
    assert.ok((front.exchanges[0]?.held ?? 0) < 30_000, 'it did not wait')
    assert.deepEqual(front.reports, [{ type: 'wanted', app: 'hello' }])
    front.routes([
      route('hello', { kind: 'waiting', why: 'x', until: systemClock.now() + 100 }, { hold: { for: 300, max: 10 } }),
    ])
    assert.equal((await front.ask('GET /hello/')).status, 503)
    assert.ok((front.exchanges[1]?.held ?? 0) >= 295)
  })

  test('is told 503 when too many wait already', async () => {
    await using front = await startFront()
    front.routes([route('hello', waiting, { hold: { for: 5_000, max: 2 } })])
    const wires = [await front.wire(), await front.wire()]
    for (const wire of wires) wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
    await delay(30)
    const third = await front.ask('GET /hello/')
    assert.deepEqual([third.status, third.field('retry-after')], [503, '1'])
    // A place is free again when its holder leaves.
    wires[0]?.socket.resetAndDestroy()
    await front.exchange(({ status }) => status === 499)
    const fourth = await front.wire()
    fourth.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
    await delay(30)
    assert.equal(fourth.received, '')
  })

  test('never reaches the app when its client has left', async () => {
    let asked = 0
    await using app = await startApp((_, response) => {
      asked += 1
      response.end()
    })
    await using front = await startFront()
    front.routes([route('hello', waiting)])
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
    for (const more of ['', upgrade]) {
      const wire = await front.wire()
      wire.send(`GET /hello/ HTTP/1.1\r\n${auth}${more}\r\n`)
      await delay(30)
      wire.socket.end()
    }
    await eventually(() => front.exchanges.filter(({ status }) => status === 499).length === 2, {
      what: 'both to leave',
    })
    front.routes([route('hello', ready(at(1, app.port)))])
    await delay(30)
    assert.equal(asked, 0)
  })

  test('is told at once when its app is stopped, removed, or closed to begin with', async () => {
    await using front = await startFront()
    const closed = route('hello', { kind: 'closed', why: 'stopped by the operator' })
    front.routes([route('hello', waiting)])
    const stopped = front.ask('GET /hello/')
    await eventually(() => count(front, 'wanted') === 1, { what: 'the report' })
    front.routes([closed])
    assert.equal((await stopped).status, 503)
    assert.match(String((await front.ask('GET /hello/')).json()['detail']), /stopped by the operator/)
    front.routes([route('hello', waiting)])
    const removed = front.ask('GET /hello/')
    await delay(30)
    front.routes([])
    assert.equal((await removed).status, 404)
  })

  test('is told 503 when the gateway shuts down', async () => {
    await using front = await startFront()
    front.routes([route('hello', waiting)])
    const held = front.ask('GET /hello/')
    await eventually(() => count(front, 'wanted') === 1, { what: 'the report' })
    await front.gateway.stopAccepting()
    assert.equal((await held).status, 503)
  })

  test('does not have its body read', async () => {
    await using front = await startFront()
    front.routes([route('hello', waiting)])
    const wire = await front.wire()
    const size = 64 * 1024 * 1024
    wire.send(`POST /hello/ HTTP/1.1\r\n${auth}Content-Length: ${size}\r\n\r\n`)
    // More than two kernels hold, and we for a client that we listen for.
    wire.socket.write(Buffer.alloc(size))
    await delay(100)
    assert.ok(wire.socket.writableLength > 0)
    wire.socket.destroy()
  })
})

describe('an instance', () => {
  test('that refuses connections is suspected, and its requests go to the next one', async () => {
    await using app = await startApp(echo)
    const dead = await startApp(echo)
    await dead.kill()
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, dead.port)))])
    const answer = front.ask('POST /hello/', 'Content-Length: 3', '', 'abc')
    await eventually(() => count(front, 'suspect') > 0, { what: 'the suspicion' })
    assert.deepEqual(front.reports[0], { type: 'suspect', run: 1 })
    front.routes([route('hello', waiting)])
    await delay(30)
    front.routes([route('hello', ready(at(2, app.port)))])
    const response = await answer
    assert.equal((response.json() as unknown as Echoed).body, 'abc')
    assert.equal(front.exchanges[0]?.run, 2)
  })

  test('that refuses connections for a moment is tried again', async () => {
    const gone = await startApp(echo)
    await gone.kill()
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, gone.port)))])
    const answer = front.ask('GET /hello/')
    await eventually(() => count(front, 'suspect') > 0, { what: 'the suspicion' })
    const back = createServer(echo).listen(gone.port, '127.0.0.1')
    assert.equal((await answer).status, 200)
    back.close()
    back.closeAllConnections()
  })

  test('that refuses connections to the end is a 503', async () => {
    const gone = await startApp(echo)
    await gone.kill()
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, gone.port)), { hold: { for: 100, max: 5 } })])
    assert.equal((await front.ask('GET /hello/')).status, 503)
  })

  test('that dies with GETs in flight loses none of them, and no POST is sent twice', async () => {
    const seen: string[] = []
    await using dying = await startApp((request) => void seen.push(`${request.method}`))
    await using app = await startApp((request, response) => {
      seen.push(`${request.method} again`)
      response.end('ok')
    })
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, dying.port)))])
    const gets = [front.ask('GET /hello/'), front.ask('OPTIONS /hello/')]
    const post = front.ask('POST /hello/', 'Content-Length: 0')
    await eventually(() => seen.length === 3, { what: 'the requests' })
    await dying.kill()
    front.routes([route('hello', waiting)])
    assert.equal((await post).status, 502)
    await delay(60)
    front.routes([route('hello', ready(at(2, app.port)))])
    for (const get of gets) assert.equal((await get).body, 'ok')
    assert.deepEqual(seen.sort(), ['GET', 'GET again', 'OPTIONS', 'OPTIONS again', 'POST'])
  })

  test('whose death is first heard of on a stale connection costs no GET, though its retry dies with it', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    await using dying = await startRaw((wire, index) => {
      let heads = 0
      wire.socket.on('data', () => {
        heads += 1
        if (index === 0 && heads === 1) wire.socket.write(answer)
        else if (index === 0) wire.socket.destroy()
        else void dying.kill()
      })
    })
    await using next = await startApp((_, response) => void response.end('next'))
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, dying.port)))])
    assert.equal((await front.ask('GET /hello/')).status, 200)
    const asked = front.ask('GET /hello/')
    await eventually(() => front.reports.some(({ type }) => type === 'suspect'), { what: 'a word of the death' })
    front.routes([route('hello', ready(at(2, next.port)))])
    const response = await asked
    assert.deepEqual([response.status, response.body], [200, 'next'])
  })

  test('that dies again under the same GET is a 502: once is enough', async () => {
    await using apps = new AsyncDisposableStack()
    const upstreams = []
    for (let run = 1; run <= 3; run += 1) {
      const app = await startRaw((wire) => wire.socket.once('data', () => void app.kill()))
      upstreams.push(at(run, apps.use(app).port))
    }
    await using front = await startFront()
    front.routes([route('hello', ready(...upstreams))])
    assert.equal((await front.ask('GET /hello/')).status, 502)
  })

  test('that dies under a loop of GETs fails none but what it was answering', async () => {
    const handler = (_: IncomingMessage, response: ServerResponse): void => void response.end('ok')
    await using apps = new AsyncDisposableStack()
    let current = apps.use(await startApp(handler))
    await using front = await startFront()
    const show = (run: number): void => {
      front.routes([route('hello', ready(at(run, current.port)), { hold: { for: 5_000, max: 100 } })])
    }
    show(1)
    const statuses: Promise<number>[] = []
    for (let run = 2; run < 6; run += 1) {
      for (let time = 0; time < 20; time += 1) {
        statuses.push(front.ask('GET /hello/').then(({ status }) => status))
        await delay(2)
        if (time === 10) await current.kill()
      }
      current = apps.use(await startApp(handler))
      show(run)
      // A request is replayed once, so each must meet one death at most.
      await Promise.all(statuses)
    }
    assert.equal(statuses.length, 80)
    assert.deepEqual(
      front.exchanges.filter(({ status }) => status !== 200),
      [],
    )
  })

  test('gets the request when it is the least busy one, else they take turns', async () => {
    const counts = [0, 0]
    const make = (which: 0 | 1): ReturnType<typeof startApp> =>
      startApp((request, response) => {
        counts[which] = (counts[which] ?? 0) + 1
        if (request.url !== '/stay') response.end()
      })
    await using one = await make(0)
    await using two = await make(1)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, one.port), at(2, two.port)))])
    for (let time = 0; time < 10; time += 1) await front.ask('GET /hello/')
    assert.deepEqual(counts, [5, 5])
    const wire = await front.wire()
    wire.send(`GET /hello/stay HTTP/1.1\r\n${auth}\r\n`)
    await eventually(() => front.gateway.inflight().length === 1, { what: 'the long one' })
    const busy = front.gateway.inflight()[0]?.run === 1 ? 0 : 1
    const before = counts[1 - busy] ?? 0
    for (let time = 0; time < 6; time += 1) await front.ask('GET /hello/')
    assert.equal(counts[1 - busy], before + 6)
  })
})

describe('a draining run', () => {
  test('with nothing in flight is reported at once and once', async () => {
    await using front = await startFront()
    front.routes([], [7])
    front.routes([], [7])
    assert.deepEqual(front.reports, [{ type: 'drained', run: 7 }])
  })

  test('is reported when its last exchange ends, and gets no new ones', async () => {
    const { promise: begun, resolve } = Promise.withResolvers<ServerResponse>()
    await using old = await startApp((_, response) => {
      response.write('x')
      resolve(response)
    })
    await using app = await startApp((_, response) => void response.end('new'))
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, old.port)))])
    const wire = await front.wire()
    wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
    const response = await begun
    front.routes([route('hello', ready(at(2, app.port)))], [1])
    assert.equal((await front.ask('GET /hello/')).body, 'new')
    assert.deepEqual(front.reports, [])
    response.end('y')
    assert.equal((await wire.response()).body, 'xy')
    await eventually(() => front.reports.length > 0, { what: 'the report' })
    assert.deepEqual(front.reports, [{ type: 'drained', run: 1 }])
    // Its idle connections are closed, so that it can stop.
    await eventually(() => old.sockets.size === 0, { what: 'the idle connections to close' })
  })

  test('counts a tunnel as in flight', async () => {
    await using app = await startRaw((wire) => {
      wire.socket.once('data', () => wire.send('HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'))
      wire.socket.on('end', () => wire.socket.end())
    })
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const wire = await front.wire()
    wire.send(`GET /hello/ HTTP/1.1\r\n${auth}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`)
    assert.equal((await wire.response()).status, 101)
    front.routes([], [1])
    await delay(30)
    assert.deepEqual(front.reports, [])
    wire.socket.end()
    await eventually(() => front.reports.length > 0, { what: 'the report' })
  })

  test('that leaves the table has the rest cut, a silent GET is answered by another', async () => {
    await using old = await startApp((request, response) => void (request.url === '/drip' && response.write('x')))
    await using app = await startApp((_, response) => void response.end('new'))
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, old.port)))])
    const drip = await front.wire()
    drip.send(`GET /hello/drip HTTP/1.1\r\n${auth}\r\n`)
    await drip.until((text) => text.includes('\r\n\r\n'), 'the head')
    const silent = front.ask('GET /hello/silent')
    const posted = front.ask('POST /hello/silent', 'Content-Length: 0')
    await eventually(() => front.gateway.inflight().length === 3, { what: 'three in flight' })
    front.routes([route('hello', ready(at(2, app.port)))], [1])
    await delay(300)
    assert.equal(front.gateway.inflight().length, 3)
    front.routes([route('hello', ready(at(2, app.port)))])
    await drip.untilEnded()
    assert.ok(!drip.received.includes('\r\n0\r\n'))
    assert.equal((await silent).body, 'new')
    assert.equal((await posted).status, 502)
  })
})

test('Hold lets the apps take turns', async () => {
  const hold = new Hold()
  const { signal } = new AbortController()
  const order: string[] = []
  const settings = { for: 1_000, max: 10 }
  const all = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map((name) =>
    hold.wait(name.slice(0, 1), settings, 1_000, signal).then(() => order.push(name)),
  )
  assert.equal(hold.count('a'), 3)
  hold.wake(['a', 'b', 'c'])
  await Promise.all(all)
  assert.deepEqual(order, ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  assert.equal(hold.count('a'), 0)
})

test('Hold lets a few go at once, and the others soon after, in growing steps', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const hold = new Hold()
  const { signal } = new AbortController()
  const told: string[] = []
  for (let i = 0; i < 300; i += 1)
    void hold.wait('a', { for: 1_000, max: 500 }, 1_000, signal).then((held) => told.push(held))
  hold.wake(['a'])
  const counts: number[] = []
  for (let step = 0; step < 9; step += 1) {
    await nextTurn()
    counts.push(told.length)
    t.mock.timers.tick(5)
  }
  assert.deepEqual(counts, [4, 12, 28, 60, 124, 188, 252, 300, 300])
  assert.deepEqual(new Set(told), new Set(['again']))
  assert.equal(hold.count('a'), 0)
})

test('Hold wakes nobody who came after the call, and all at its end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const hold = new Hold()
  const { signal } = new AbortController()
  const told: number[] = []
  const settings = { for: 60_000, max: 100 }
  const wait = (name: number): void => void hold.wait('a', settings, 60_000, signal).then(() => told.push(name))
  for (let i = 0; i < 10; i += 1) wait(i)
  hold.wake(['a'])
  wait(10)
  for (let step = 0; step < 5; step += 1) {
    await nextTurn()
    t.mock.timers.tick(5)
  }
  assert.deepEqual(told, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  hold.wake(['a'])
  for (let i = 11; i < 30; i += 1) wait(i)
  hold[Symbol.dispose]()
  await nextTurn()
  assert.equal(told.length, 30)
})
