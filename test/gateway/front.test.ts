import assert from 'node:assert/strict'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'

import { Gateway } from '../../src/gateway/gateway.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Journal } from '../../src/observe/journal.ts'
import { eventually } from '../support/wait.ts'
import { at, echo, type Echoed, ready, route, sent, startApp, startFront, token } from './kit.ts'

const auth = `Host: h\r\nX-API-Token: ${token}\r\n`

describe('a malformed request', () => {
  const cases: [what: string, bytes: string, status: number][] = [
    ['no Host', `GET /hello/ HTTP/1.1\r\n\r\n`, 400],
    ['two Hosts', `GET /hello/ HTTP/1.1\r\n${auth}Host: h\r\n\r\n`, 400],
    ['an invalid Host', `GET /hello/ HTTP/1.1\r\nHost: a b\r\n\r\n`, 400],
    ['an empty Host', `GET /hello/ HTTP/1.1\r\nHost:\r\n\r\n`, 400],
    ['user information in Host', `GET /hello/ HTTP/1.1\r\nHost: u@h\r\n\r\n`, 400],
    ['a NUL in a value', `GET /hello/ HTTP/1.1\r\n${auth}X: a\0b\r\n\r\n`, 400],
    ['a bare CR in a value', `GET /hello/ HTTP/1.1\r\n${auth}X: a\rb\r\n\r\n`, 400],
    ['a space before a colon', `GET /hello/ HTTP/1.1\r\n${auth}X : a\r\n\r\n`, 400],
    ['a folded line', `GET /hello/ HTTP/1.1\r\n${auth}X: a\r\n b\r\n\r\n`, 400],
    ['a line without a colon', `GET /hello/ HTTP/1.1\r\n${auth}Foo\r\n\r\n`, 400],
    ['an empty name', `GET /hello/ HTTP/1.1\r\n${auth}: v\r\n\r\n`, 400],
    [
      'length and coding',
      `POST /hello/ HTTP/1.1\r\n${auth}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
      400,
    ],
    [
      'coding and length',
      `POST /hello/ HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['an unknown coding', `POST /hello/ HTTP/1.1\r\n${auth}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    [
      'two codings',
      `POST /hello/ HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['a coding in HTTP/1.0', `POST /hello/ HTTP/1.0\r\n${auth}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['two lengths', `POST /hello/ HTTP/1.1\r\n${auth}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
    ['a signed length', `POST /hello/ HTTP/1.1\r\n${auth}Content-Length: +1\r\n\r\na`, 400],
    ['a fragment', `GET /hello/#x HTTP/1.1\r\n${auth}\r\n`, 400],
    ['a raw 8-bit byte', `GET /hello/\xe9 HTTP/1.1\r\n${auth}\r\n`, 400],
    ['no slash in front', `GET hello HTTP/1.1\r\n${auth}\r\n`, 400],
    ['an encoded NUL', `GET /hello/%00 HTTP/1.1\r\n${auth}\r\n`, 400],
    ['GET *', `GET * HTTP/1.1\r\n${auth}\r\n`, 400],
    ['a target with user information', `GET http://u:p@h/hello/ HTTP/1.1\r\n${auth}\r\n`, 400],
    ['another scheme', `GET https://h/hello/ HTTP/1.1\r\n${auth}\r\n`, 421],
    ['TRACE', `TRACE /hello/ HTTP/1.1\r\n${auth}\r\n`, 405],
    ['CONNECT', `CONNECT h:443 HTTP/1.1\r\n${auth}\r\n`, 405],
    ['CONNECT with a path', `CONNECT /hello/ HTTP/1.1\r\n${auth}\r\n`, 400],
    ['an unknown expectation', `POST /hello/ HTTP/1.1\r\n${auth}Expect: magic\r\nContent-Length: 1\r\n\r\na`, 417],
    ['a long target', `GET /${'x'.repeat(70_000)} HTTP/1.1\r\n${auth}\r\n`, 414],
    ['a long field', `GET /hello/ HTTP/1.1\r\n${auth}X: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
    ['many fields', `GET /hello/ HTTP/1.1\r\n${auth}${'X: 1\r\n'.repeat(3_000)}\r\n`, 431],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03', 400],
    ['a bad chunk size', `POST /hello/ HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\nG\r\n`, 400],
    [
      'chunk data that is too long',
      `POST /hello/ HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n`,
      400,
    ],
  ]
  for (const [what, bytes, status] of cases) {
    test(`with ${what} is told ${status}, is in the journal, and reaches no app as a whole`, async () => {
      let whole = 0
      await using app = await startApp((request, response) => {
        request.on('end', () => {
          whole += 1
          response.end('reached')
        })
        request.on('error', () => {})
        request.resume()
      })
      await using front = await startFront()
      front.routes([route('hello', ready(at(1, app.port)))])
      const wire = await front.wire()
      wire.send(bytes)
      const response = await wire.response()
      const statuses = status === 400 ? [400, 405, 505] : [status]
      assert.ok(statuses.includes(response.status), String(response.status))
      assert.equal(response.field('content-type'), 'application/problem+json')
      assert.equal(response.json()['status'], response.status)
      await wire.untilEnded()
      assert.equal(whole, 0)
      const entry = await front.exchange((exchange) => exchange.status === response.status)
      assert.equal(entry.error?.source, 'client')
      assert.equal(front.exchanges.length, 1)
    })
  }
})

test('stray bytes behind a request are a malformed one of their own, after its answer', async () => {
  await using app = await startApp((_, response) => void setTimeout(() => response.end('ok'), 50))
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const wire = await front.wire()
  wire.send(`POST /hello/ HTTP/1.1\r\n${auth}\r\nhello there\r\n\r\n`)
  assert.equal((await wire.response()).body, 'ok')
  assert.equal((await wire.response()).status, 400)
  await wire.untilEnded()
})

test('OPTIONS * is answered here', async () => {
  await using front = await startFront()
  const wire = await front.wire()
  wire.send('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n')
  const response = await wire.response()
  assert.deepEqual([response.status, response.field('content-length')], [204, undefined])
  assert.match(response.field('allow') ?? '', /OPTIONS/)
})

test('OPTIONS with Max-Forwards 0 is answered here, with more it is counted down', async () => {
  await using app = await startApp(echo)
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  assert.equal((await front.ask('OPTIONS /hello/', 'Max-Forwards: 0')).status, 204)
  assert.deepEqual(sent(await front.ask('OPTIONS /hello/', 'Max-Forwards: 5'), 'max-forwards'), ['4'])
})

test('empty lines before a request are ignored', async () => {
  await using front = await startFront()
  const wire = await front.wire()
  wire.send('\r\n\r\nGET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.equal((await wire.response()).status, 200)
})

test('an authority in the target replaces Host, for routing and for the app', async () => {
  await using app = await startApp(echo)
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const response = await front.ask('GET http://hello.localhost:81/x')
  assert.equal((response.json() as unknown as Echoed).url, '/x')
  assert.deepEqual(sent(response, 'host'), ['hello.localhost:81'])
  assert.deepEqual(sent(response, 'x-forwarded-host'), ['hello.localhost:81'])
  assert.deepEqual(sent(response, 'x-forwarded-port'), ['81'])
  assert.deepEqual(sent(response, 'x-forwarded-prefix'), [])
})

describe('a path', () => {
  test('matches whole segments and only those', async () => {
    await using hello = await startApp((_, response) => void response.end('hello'))
    await using clock = await startApp((_, response) => void response.end('clock'))
    await using front = await startFront()
    front.routes([
      route('hello', ready(at(1, hello.port))),
      route('clock', ready(at(2, clock.port)), { path: '/hello/clock' }),
    ])
    for (const [target, seen] of [
      ['/hello/', 'hello'],
      ['/hello/clock/', 'clock'],
      ['/hello/clock/x', 'clock'],
      ['/hello/clockwork', 'hello'],
      ['/hello/x/../clock/', 'clock'],
      ['/hello/clock/%2e%2e/x', 'hello'],
      ['//hello/', 'hello'],
    ] as const)
      assert.equal((await front.ask(`GET ${target}`)).body, seen, target)
    for (const target of ['/hello2/', '/hello2', '/hell', '/HELLO/', '/hello;v=1/', '/hello%2fclock', '/x/hello', '/'])
      assert.equal((await front.ask(`GET ${target}`)).status, 404, target)
    for (const target of ['/hello/..%2fclock/', '/hello/..%5cclock', '/hello/%2e%2e%2f', '/hello\\..\\clock'])
      assert.equal((await front.ask(`GET ${target}`)).status, 400, target)
  })

  test('that is exactly the prefix is sent to the one with a slash, for reading', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    for (const [target, to] of [
      ['/hello', '/hello/'],
      ['/hello?a=1;b&c=%zz', '/hello/?a=1;b&c=%zz'],
      ['/x/../hello', '/hello/'],
    ] as const) {
      const response = await front.ask(`GET ${target}`)
      assert.deepEqual([response.status, response.field('location')], [308, to])
    }
    const posted = await front.ask('POST /hello?a', 'Content-Length: 1', '', 'x')
    assert.equal((posted.json() as unknown as Echoed).url, '/?a')
  })
})

test('maps redirects and cookies of an app back under its prefix', async () => {
  await using app = await startApp((request, response) => {
    const { host } = request.headers
    response.setHeader('Set-Cookie', ['a=1; Path=/', `quaymaster-${front.port}=evil; Path=/`])
    const to = { '/child': `http://127.0.0.1:${app.port}/login`, '/public': `http://${host}/login`, '/path': '/login' }
    response.writeHead(302, { Location: to[(request.url ?? '') as keyof typeof to] }).end()
  })
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const child = await front.ask('GET /hello/child')
  assert.equal(child.field('location'), '/hello/login')
  assert.deepEqual(child.all('set-cookie'), ['a=1; Path=/hello/'])
  assert.equal((await front.ask('GET /hello/public')).field('location'), 'http://h/hello/login')
  assert.equal((await front.ask('GET /hello/path')).field('location'), '/hello/login')
})

describe('an answer of the gateway', () => {
  test('to HEAD has the length and not the body', async () => {
    await using front = await startFront()
    const wire = await front.wire()
    wire.send('HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\nGET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')
    const response = await wire.response('HEAD')
    assert.equal(response.status, 401)
    assert.ok(Number(response.field('content-length')) > 100)
    assert.equal((await wire.response()).status, 200)
  })

  test('is a page for a browser and a problem for everybody else', async () => {
    await using front = await startFront()
    front.routes([route('hello', { kind: 'closed', why: 'stopped by the operator' })])
    const browser = 'Accept: text/html,application/xhtml+xml,*/*;q=0.8'
    const page = await front.ask('GET /hello/', browser)
    assert.equal(page.status, 503)
    assert.match(page.field('content-type') ?? '', /^text\/html/)
    assert.match(page.field('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(page.body, /stopped by the operator/)
    assert.match(page.body, /http-equiv="refresh"/)
    const problem = await front.ask('GET /hello/', 'Accept: */*')
    assert.equal(problem.field('content-type'), 'application/problem+json')
    assert.match(String(problem.json()['detail']), /stopped by the operator/)
    assert.equal(problem.json()['instance'], problem.field('x-request-id'))
    assert.equal((await front.ask('POST /hello/', browser)).field('content-type'), 'application/problem+json')
  })
})

describe('the journal', () => {
  test('has one entry a request, with credentials masked', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(7, app.port)))])
    await front.ask('POST /hello/?token=secret&a=b', 'Content-Length: 3', '', 'abc')
    const entry = await front.exchange(() => true)
    assert.equal(entry.target, '/hello/?token=***&a=b')
    assert.deepEqual(
      [entry.subject, entry.app, entry.run, entry.method, entry.host, entry.status, entry.bytesIn, entry.error],
      ['all', 'hello', 7, 'POST', 'h', 200, 3, null],
    )
    assert.ok(entry.bytesOut > 100 && entry.took > 0 && entry.held === 0)
    assert.ok(!JSON.stringify(front.exchanges).includes(token))
  })
})

describe('listening', () => {
  const options = { auth: { tokens: [] }, journal: new Journal(), clock: systemClock, report: () => {} }
  const connects = (host: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = net.connect({ host, port }, () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })

  test('on localhost is on both loopback addresses, on one port', async () => {
    await using gateway = await Gateway.listen({ ...options, host: 'localhost', port: 0 })
    assert.equal(gateway.url, `http://localhost:${gateway.port}`)
    assert.ok(await connects('127.0.0.1', gateway.port))
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
    assert.equal(await connects('::1', gateway.port), addresses.includes('::1'))
  })

  test('on a port in use says so in one sentence', async () => {
    await using first = await Gateway.listen({ ...options, host: '127.0.0.1', port: 0 })
    for (const host of ['127.0.0.1', 'localhost'])
      await assert.rejects(Gateway.listen({ ...options, host, port: first.port }), {
        message: `Cannot listen on ${host}:${first.port}: another program is using port ${first.port}; stop it, or choose another port with --port or \`listen.port\` (0 takes a free one).`,
      })
  })

  test('on an address that is not here names it', async () => {
    await assert.rejects(Gateway.listen({ ...options, host: '192.0.2.1', port: 0 }), /no address "192\.0\.2\.1"/)
  })

  test('ends when told to, twice is harmless', async () => {
    await using app = await startApp((_, response) => void response.write('x'))
    const front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const wire = await front.wire()
    wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
    await wire.until((text) => text.includes('\r\n\r\n'), 'the head')
    assert.equal(front.gateway.inflight()[0]?.app, 'hello')
    await front.gateway.stopAccepting()
    assert.equal(await connects('127.0.0.1', front.port), false)
    assert.equal(front.gateway.inflight().length, 1)
    await front.gateway[Symbol.asyncDispose]()
    await front.gateway[Symbol.asyncDispose]()
    await wire.untilEnded()
    await eventually(() => app.sockets.size === 0, { what: 'the end at the app' })
    assert.equal(front.gateway.inflight().length, 0)
  })

  test('while it shuts down, new requests on open connections are told 503', async () => {
    await using front = await startFront()
    const wire = await front.wire()
    wire.send('GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')
    assert.equal((await wire.response()).status, 200)
    const slow = await front.wire()
    slow.send('GET /x HTTP/1.1\r\n')
    await eventually(() => wire.socket.bytesRead > 0, { what: 'an answer' })
    await front.gateway.stopAccepting()
    slow.send('Host: h\r\n\r\n')
    const response = await slow.response().catch(() => null)
    assert.ok(response === null || response.status === 503)
  })
})

test('a request that goes in a circle is ended with 508, a chain of gateways is not', async () => {
  await using app = await startApp((request, response) => response.end(request.headers.via))
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const chain = await front.ask(
    'GET /hello/',
    'Via: 1.1 quaymaster, 1.1 quaymaster',
    'Via: 1.0 fred, 1.1 quaymaster (x)',
  )
  assert.deepEqual([chain.status, chain.body.split(',').length], [200, 5])
  const circle = await front.ask('GET /hello/', ...Array.from({ length: 5 }, () => 'Via: 1.1 quaymaster'))
  assert.equal(circle.status, 508)
  assert.match(String(circle.json()['detail']), /goes in a circle/)
})
