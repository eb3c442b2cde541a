import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import type { Target } from '../../src/model/route.ts'
import { eventually, patience, within } from '../support/wait.ts'
import {
  type App,
  echo,
  type Echoed,
  type Front,
  route,
  sent,
  startApp,
  startCanned,
  startFront,
  startRaw,
  token,
  type Wire,
} from './kit.ts'

/** What every relay must do, seen from both sockets. */
export function relaySuite(name: string, targetOf: (port: number) => Target): void {
  const start = async (app: App, more: Parameters<typeof route>[2] = {}): Promise<Front> => {
    const front = await startFront()
    front.routes([route('hello', targetOf(app.port), more)])
    return front
  }
  const auth = `Host: h\r\nX-API-Token: ${token}\r\n`

  describe(`${name}: requests`, () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      test(`brings a ${method} with a chunked body through in one piece`, async () => {
        await using app = await startApp(echo)
        await using front = await start(app)
        const wire = await front.wire()
        const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n'
        const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`
        wire.send(`${method} /hello/a HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\n${chunk}`)
        const response = await wire.response()
        const seen = JSON.parse(response.body) as Echoed
        assert.deepEqual([seen.method, seen.url, seen.body], [method, '/a', smuggled])
        assert.deepEqual(sent(response, 'content-length'), [])
        wire.send(`${method} /hello/b HTTP/1.1\r\n${auth}Content-Length: 3\r\n\r\nabc`)
        const second = JSON.parse((await wire.response()).body) as Echoed
        assert.deepEqual([second.url, second.body], ['/b', 'abc'])
      })
    }

    test('sends the target byte for byte', async () => {
      await using app = await startApp(echo)
      await using front = await start(app)
      for (const [target, seen] of [
        ['/hello/a%20b+c', '/a%20b+c'],
        ['/hello/%E2%82%AC', '/%E2%82%AC'],
        ['/hello/x?', '/x?'],
        ['/hello/x?a=1;b=2&c=%zz', '/x?a=1;b=2&c=%zz'],
        ['/hello/x?../%2e%2e//', '/x?../%2e%2e//'],
        ['/hello/a//b', '/a//b'],
        ['/hello///evil.test', '/evil.test'],
        ['/hello/a%2Fb', '/a%2Fb'],
        ['/hello/a%5cb', '/a%5cb'],
        ['/hello/%252e%252e/x', '/%252e%252e/x'],
        ['/hello/a|b{c}"d', '/a|b{c}"d'],
        ['/hello/x/../y/./z', '/y/z'],
        ['http://h/hello/x', '/x'],
      ] as const) {
        const response = await front.ask(`GET ${target}`)
        assert.equal((response.json() as unknown as Echoed).url, seen)
      }
    })

    test('keeps repeated fields apart and their bytes', async () => {
      await using app = await startApp(echo)
      await using front = await start(app)
      const response = await front.ask(
        'GET /hello/',
        'X-A: 1',
        'X-B: caf\xe9',
        'x-a: 2',
        'Accept: q, r',
        '__proto__: p',
      )
      assert.deepEqual(sent(response, 'x-a'), ['1', '2'])
      assert.deepEqual(sent(response, 'x-b'), ['caf\xe9'])
      assert.deepEqual(sent(response, 'accept'), ['q, r'])
      assert.deepEqual(sent(response, '__proto__'), ['p'])
      assert.deepEqual(sent(response, 'user-agent'), [])
      assert.deepEqual(sent(response, 'accept-encoding'), [])
    })

    test('drops hop-by-hop and nominated fields and cannot be talked out of its own', async () => {
      await using app = await startApp(echo)
      await using front = await start(app)
      const response = await front.ask(
        'GET /hello/',
        'Connection: X-Foo, X-Forwarded-For, X-API-Token, Keep-Alive',
        'Keep-Alive: 1',
        'X-Foo: 1',
        'TE: gzip',
        'X-Forwarded-For: 203.0.113.9',
      )
      assert.equal(response.status, 200)
      for (const field of ['x-foo', 'te', 'keep-alive', 'x-api-token'])
        assert.deepEqual(sent(response, field), [], field)
      assert.deepEqual(sent(response, 'x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(sent(response, 'x-forwarded-prefix'), ['/hello'])
    })

    test('drops request trailers', async () => {
      await using app = await startApp(echo)
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(
        `POST /hello/ HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 9\r\nHost: evil\r\n\r\n`,
      )
      const response = await wire.response()
      if (response.status === 400) return
      assert.equal((response.json() as unknown as Echoed).body, 'abc')
      assert.equal(sent(response, 'host').length, 1)
      assert.doesNotMatch(response.body, /evil/)
    })

    test('streams an upload as it comes, with back-pressure', async () => {
      let got = 0
      let release = (): void => {}
      await using app = await startApp((request, response) => {
        request.once('readable', () => {
          release = () => request.on('data', (chunk: Buffer) => (got += chunk.length))
        })
        request.on('end', () => response.end(String(got)))
      })
      await using front = await start(app)
      const wire = await front.wire()
      const size = 64 * 1024 * 1024
      wire.send(`POST /hello/ HTTP/1.1\r\n${auth}Content-Length: ${size}\r\n\r\n`)
      const chunk = Buffer.alloc(1024 * 1024)
      let written = 0
      while (written < size) {
        written += chunk.length
        if (wire.socket.write(chunk)) continue
        const drained = await Promise.race([once(wire.socket, 'drain').then(() => true), delay(300).then(() => false)])
        if (!drained) break
      }
      assert.ok(written < size / 2, `${written} bytes were taken although nobody reads`)
      release()
      while (written < size) {
        written += chunk.length
        if (!wire.socket.write(chunk)) await once(wire.socket, 'drain')
      }
      const response = await wire.response('POST')
      assert.equal(response.body, String(size))
    })

    test('relays an early answer to an unfinished upload and ends the connection', async () => {
      await using app = await startApp((_, response) => {
        response.writeHead(413, { Connection: 'close' }).end('too much')
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`POST /hello/ HTTP/1.1\r\n${auth}Content-Length: 100000000\r\n\r\nabc`)
      const response = await wire.response('POST')
      assert.deepEqual([response.status, response.body], [413, 'too much'])
      await wire.untilEnded()
    })

    test('tells the app of a truncated upload, never a whole one', async () => {
      const { promise: ended, resolve } = Promise.withResolvers<string>()
      await using app = await startApp((request) => {
        request.on('end', () => resolve('whole')).on('error', () => resolve('cut'))
        request.resume()
      })
      await using front = await start(app)
      for (const body of ['Content-Length: 10\r\n\r\nabcde', 'Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n']) {
        const wire = await front.wire()
        wire.send(`POST /hello/ HTTP/1.1\r\n${auth}${body}`)
        await eventually(() => front.gateway.inflight().length === 1, { what: 'the upload' })
        await delay(20)
        wire.socket.end()
        assert.equal(await within(ended, patience, 'the cut'), 'cut')
        await wire.untilEnded()
        assert.doesNotMatch(wire.received, /^HTTP\/1\.1 2/)
      }
    })

    test('asks for a body only when the app does', async () => {
      await using app = await startApp(echo, (server) => {
        server.on('checkContinue', (request, response) => {
          if (request.url === '/no') return void response.writeHead(401).end('no')
          response.writeContinue()
          echo(request, response)
        })
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`POST /hello/ HTTP/1.1\r\n${auth}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`)
      assert.equal((await wire.response()).status, 100)
      wire.send('abc')
      assert.equal(((await wire.response()).json() as unknown as Echoed).body, 'abc')
      assert.equal(wire.received, '')
      const refused = await front.wire()
      refused.send(`POST /hello/no HTTP/1.1\r\n${auth}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`)
      assert.equal((await refused.response()).status, 401)
      await refused.untilEnded()
    })
  })

  describe(`${name}: responses`, () => {
    test('brings fields through as they are, but for hop-by-hop ones', async () => {
      const head = [
        'HTTP/1.1 200 Fine',
        'Connection: close, X-Hop',
        'X-Hop: 1',
        'Keep-Alive: timeout=9',
        'Upgrade: h2c',
        'Set-Cookie: a=1',
        'set-cookie: b=2',
        'X-Latin: caf\xe9',
        'Content-Length: 2',
        '',
        'ok',
      ]
      await using app = await startCanned(head.join('\r\n'))
      await using front = await start(app)
      const response = await front.ask('GET /hello/')
      assert.deepEqual([response.status, response.reason, response.body], [200, 'Fine', 'ok'])
      assert.deepEqual(response.all('set-cookie'), ['a=1', 'b=2'])
      assert.deepEqual(response.all('x-latin'), ['caf\xe9'])
      assert.deepEqual(response.all('x-hop'), [])
      assert.deepEqual(response.all('upgrade'), [])
      assert.equal(response.all('date').length, 1)
    })

    const bad: [what: string, bytes: string][] = [
      ['junk', 'hello this is not http\r\n\r\n'],
      ['nothing', ''],
      ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
      ['status 99', 'HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n'],
      ['status 1000', 'HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n'],
      ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n'],
      ['a signed length', 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde'],
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef'],
      ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
      ['codings after chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
      ['a NUL in a field', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'],
      ['a space before a colon', 'HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n'],
      ['an unrequested 101', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
      ['a bare 101', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
      ['a head of 100 kB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`],
    ]
    for (const [what, bytes] of bad) {
      test(`answers 502 to ${what}, and the client can go on`, async () => {
        const good = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
        await using app = await startRaw((wire) => {
          wire.socket.once('data', () =>
            wire.socket.end(wire.received.startsWith('GET /good') ? good : bytes, 'latin1'),
          )
        })
        await using front = await start(app)
        const wire = await front.wire()
        wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
        const response = await wire.response()
        assert.equal(response.status, 502)
        assert.equal(response.field('content-type'), 'application/problem+json')
        const entry = await front.exchange(({ status }) => status === 502)
        assert.equal(entry.error?.source, 'app')
        wire.send(`GET /hello/good HTTP/1.1\r\n${auth}\r\n`)
        assert.equal((await wire.response()).body, 'ok')
      })
    }

    const odd: [what: string, bytes: string, reason: string][] = [
      ['no reason phrase', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', ''],
      ['Trailer with a length', 'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nContent-Length: 2\r\n\r\nok', 'OK'],
      [
        'bytes behind the response',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
        'OK',
      ],
      ['junk behind the response', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokjunkjunk', 'OK'],
    ]
    for (const [what, bytes, reason] of odd) {
      test(`survives ${what}`, async () => {
        await using app = await startCanned(bytes)
        await using front = await start(app)
        for (let time = 0; time < 3; time += 1) {
          const response = await front.ask('GET /hello/')
          assert.deepEqual([response.status, response.reason, response.body], [200, reason, 'ok'])
        }
      })
    }

    test('lets no control byte of a reason phrase through', async () => {
      await using app = await startCanned('HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok')
      await using front = await start(app)
      const response = await front.ask('GET /hello/')
      assert.ok(response.status === 502 || (response.status === 200 && response.reason === 'OK'))
    })

    test('ends 204, 304, HEAD and 205 at their heads, whatever follows', async () => {
      await using app = await startRaw((wire) => {
        wire.socket.on('data', () => {
          const status = /\/(\d+) HTTP/.exec(wire.received)?.[1] ?? '200'
          wire.received = ''
          wire.socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nhello`)
        })
      })
      await using front = await start(app)
      for (const [request, length] of [
        ['GET /hello/204', undefined],
        ['GET /hello/304', '5'],
        ['HEAD /hello/200', '5'],
        ['GET /hello/205', '0'],
      ] as const) {
        const wire = await front.wire()
        wire.send(`${request} HTTP/1.1\r\n${auth}\r\nGET /-/health HTTP/1.1\r\nHost: h\r\n\r\n`)
        const response = await wire.response(request.split(' ')[0])
        assert.equal(response.field('content-length'), length, request)
        assert.equal(response.field('transfer-encoding'), undefined, request)
        assert.equal((await wire.response()).body, '{"status":"ok"}\n', request)
      }
    })

    test('passes interim responses on at once, and none to HTTP/1.0', async () => {
      const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n'
      let finish: () => void = () => {}
      await using app = await startRaw((wire) => {
        wire.socket.on('data', () => {
          wire.send(hints)
          finish = () => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
          if (wire.received.includes('/old')) finish()
        })
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
      const first = await wire.response()
      assert.deepEqual([first.status, first.field('link')], [103, '</a.css>; rel=preload'])
      assert.equal((await wire.response()).status, 199)
      finish()
      const final = await wire.response()
      assert.deepEqual([final.status, final.field('link'), final.body], [200, undefined, 'ok'])
      const old = await front.wire()
      old.send(`GET /hello/old HTTP/1.0\r\n${auth}\r\n`)
      assert.equal((await old.response()).status, 200)
    })

    test('brings trailers of a chunked response through', async () => {
      const bytes =
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\nSet-Cookie: a=1\r\n\r\n'
      await using app = await startCanned(bytes)
      await using front = await start(app)
      const response = await front.ask('GET /hello/', 'TE: trailers')
      assert.equal(response.body, 'abc')
      assert.match(response.trailers, /X-T: 1/i)
      assert.doesNotMatch(response.trailers, /set-cookie/i)
    })

    test('gives HTTP/1.0 a body without chunks', async () => {
      await using app = await startCanned('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ HTTP/1.0\r\n${auth}\r\n`)
      const text = await wire.untilEnded()
      assert.doesNotMatch(text, /transfer-encoding/i)
      assert.ok(text.endsWith('\r\n\r\nabc'))
    })

    test('reads a response that ends with its connection', async () => {
      await using app = await startCanned('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc', 'close')
      await using front = await start(app)
      const response = await front.ask('GET /hello/')
      assert.deepEqual([response.status, response.body, response.field('transfer-encoding')], [200, 'abc', 'chunked'])
    })

    const cut: [what: string, bytes: string, after: 'close' | 'reset'][] = [
      ['a short body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde', 'close'],
      ['a short body and a reset', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde', 'reset'],
      ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n', 'close'],
      ['a cut chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcde', 'close'],
      ['a close-delimited body and a reset', 'HTTP/1.1 200 OK\r\n\r\nabcde', 'reset'],
    ]
    for (const [what, bytes, after] of cut) {
      for (const version of ['1.1', '1.0']) {
        test(`never ends ${what} cleanly for HTTP/${version}`, async () => {
          await using app = await startCanned(bytes, after)
          await using front = await start(app)
          const wire = await front.wire()
          wire.send(`GET /hello/ HTTP/${version}\r\n${auth}\r\n`)
          await wire.untilEnded()
          assert.ok(!wire.received.includes('\r\n0\r\n'), wire.received)
          const declared = /content-length: (\d+)/i.exec(wire.received)?.[1]
          const visible =
            wire.received === '' || /transfer-encoding: chunked/i.test(wire.received) || declared !== undefined
          if (!visible)
            await within(wire.closed, patience, 'the reset').then(() => assert.equal(wire.error?.code, 'ECONNRESET'))
          const entry = await front.exchange(({ app: name }) => name === 'hello')
          assert.deepEqual([entry.status, entry.error?.code], [200, 'truncated-response'])
        })
      }
    }

    test('tells of a bad chunk size with a 502, or breaks off', async () => {
      await using app = await startCanned(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nxx\r\n',
        'close',
      )
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
      const { status } = await front.exchange(({ app: name }) => name === 'hello')
      if (status === 502) assert.equal((await wire.response()).status, 502)
      else assert.ok(!(await wire.untilEnded()).includes('\r\n0\r\n'), wire.received)
    })

    test('shows a head and every event of a stream at once', async () => {
      const { promise: begun, resolve } = Promise.withResolvers<ServerResponse>()
      await using app = await startApp((_, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
        resolve(response)
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
      const response = await begun
      await wire.until((text) => text.includes('\r\n\r\n'), 'the head')
      for (let event = 0; event < 5; event += 1) {
        response.write(`data: ${event}\n\n`)
        await wire.until((text) => text.includes(`data: ${event}\n`), `event ${event}`)
      }
    })

    test('stops reading from an app whose client does not read', async () => {
      let written = 0
      await using app = await startApp((_, response) => {
        const chunk = Buffer.alloc(256 * 1024)
        const write = (): void => {
          while (written < 400 * 1024 * 1024) {
            written += chunk.length
            if (!response.write(chunk)) return void response.once('drain', write)
          }
        }
        write()
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.socket.pause()
      wire.send(`GET /hello/ HTTP/1.1\r\n${auth}\r\n`)
      let before = -1
      await eventually(
        async () => {
          before = written
          await delay(200)
          return written > 0 && written === before
        },
        { what: 'the app to be blocked' },
      )
      assert.ok(written < 40 * 1024 * 1024, `${written} bytes were taken`)
    })

    test('answers pipelined requests in their order', async () => {
      await using app = await startApp((request, response) => {
        setTimeout(() => response.end(request.url), request.url === '/slow' ? 100 : 0)
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(
        `GET /hello/slow HTTP/1.1\r\n${auth}\r\nGET /hello/fast HTTP/1.1\r\n${auth}\r\nGET /hello/x HTTP/1.1\r\nHost: h\r\n\r\n`,
      )
      assert.equal((await wire.response()).body, '/slow')
      assert.equal((await wire.response()).body, '/fast')
      assert.equal((await wire.response()).status, 401)
    })
  })

  describe(`${name}: ends`, () => {
    const leaving: [when: string, request: string][] = [
      ['before the response', 'GET /hello/never'],
      ['in the middle of the response', 'GET /hello/drip'],
    ]
    for (const [when, request] of leaving) {
      for (const how of ['reset', 'close'] as const) {
        test(`a client that leaves ${when} by ${how} is gone for the app, and 499`, async () => {
          const { promise: closed, resolve } = Promise.withResolvers<void>()
          await using app = await startApp((request, response) => {
            response.on('close', () => resolve())
            if (request.url === '/drip') response.write('x')
          })
          await using front = await start(app)
          const wire = await front.wire()
          wire.send(`${request} HTTP/1.1\r\n${auth}\r\n`)
          if (request.endsWith('drip')) await wire.until((text) => text.includes('\r\n\r\n'), 'the head')
          else await eventually(() => app.sockets.size === 1, { what: 'the request' })
          await delay(20)
          if (how === 'reset') wire.socket.resetAndDestroy()
          else wire.socket.end()
          await within(closed, patience, 'the end at the app')
          const entry = await front.exchange(({ app: name }) => name === 'hello')
          assert.deepEqual([entry.status, entry.error?.code, entry.error?.source], [499, 'client-left', 'client'])
          assert.deepEqual(front.gateway.inflight(), [])
        })
      }
    }

    test('a request that no app answers in time is a 504', async () => {
      await using app = await startRaw(() => {})
      await using front = await start(app, { timeouts: { connect: 1_000, response: 100, idle: 0, total: 0 } })
      const response = await front.ask('GET /hello/')
      assert.equal(response.status, 504)
      assert.equal(front.exchanges[0]?.error?.code, 'response-timeout')
    })

    test('the response limit runs from the last byte of the request', async () => {
      await using app = await startApp(echo)
      await using front = await start(app, { timeouts: { connect: 1_000, response: 100, idle: 0, total: 0 } })
      const wire = await front.wire()
      wire.send(`POST /hello/ HTTP/1.1\r\n${auth}Content-Length: 3\r\n\r\na`)
      await delay(200)
      wire.send('bc')
      assert.equal((await wire.response()).status, 200)
    })

    test('a GET on a connection that the app closes as it is used again is sent once more', async () => {
      let heads = 0
      await using app = await startRaw((wire, index) => {
        let own = 0
        wire.socket.on('data', () => {
          heads += 1
          own += 1
          if (index === 0 && own === 2) return void wire.socket.destroy()
          wire.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        })
      })
      await using front = await start(app)
      assert.equal((await front.ask('GET /hello/')).body, 'ok')
      assert.equal((await front.ask('GET /hello/')).body, 'ok')
      assert.equal(heads, 3)
    })

    test('a POST in the same place is a 502 and is not sent twice', async () => {
      let posts = 0
      await using app = await startRaw((wire) => {
        wire.socket.on('data', () => {
          if (wire.received.includes('POST')) {
            posts += 1
            return void wire.socket.destroy()
          }
          wire.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        })
      })
      await using front = await start(app)
      assert.equal((await front.ask('GET /hello/')).body, 'ok')
      assert.equal((await front.ask('POST /hello/', 'Content-Length: 1', '', 'x')).status, 502)
      assert.equal(posts, 1)
    })

    test('a connection that is idle and closed by the app is not used', async () => {
      await using app = await startApp(
        (_, response) => void response.end('ok'),
        (server) => (server.keepAliveTimeout = 1),
      )
      await using front = await start(app)
      for (let time = 0; time < 5; time += 1) {
        assert.equal((await front.ask('POST /hello/', 'Content-Length: 0')).body, 'ok')
        await eventually(() => app.sockets.size === 0, { what: 'the idle close' }).catch(() => {})
      }
    })

    test('an app that hangs up on a fresh connection is asked once', async () => {
      let asked = 0
      await using app = await startRaw((wire) => {
        wire.socket.once('data', () => {
          asked += 1
          wire.socket.destroy()
        })
      })
      await using front = await start(app)
      assert.equal((await front.ask('GET /hello/')).status, 502)
      assert.equal(asked, 1)
    })
  })

  describe(`${name}: upgrades`, () => {
    const ask = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n`
    const switching =
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\nX-Hop: z\r\n\r\n'
    /** Answers an upgrade, then whatever `then` does with the socket. */
    const tunnelling = (answer: string, then: (wire: Wire) => void = () => {}): Promise<App> =>
      startRaw((wire) => {
        void (async () => {
          await wire.until((text) => text.includes('\r\n\r\n'), 'a head').catch(() => {})
          wire.send(answer)
          then(wire)
        })()
      })

    test('carries bytes both ways, also those that came early on either side', async () => {
      await using app = await tunnelling(`${switching}early`, (wire) => {
        wire.socket.on('data', (data) => wire.send(`<${data.toString('latin1')}>`))
        const behind = wire.received.split('\r\n\r\n')[1] ?? ''
        if (behind !== '') wire.send(`<${behind}>`)
        wire.socket.on('end', () => wire.socket.end())
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask}\r\nfirst`)
      const head = await wire.response()
      assert.deepEqual(
        [head.status, head.field('upgrade'), head.field('sec-websocket-accept')],
        [101, 'websocket', 'y'],
      )
      await wire.until((text) => text.includes('early') && text.includes('<first>'), 'early bytes')
      wire.send('\x00\xff\x80')
      await wire.until((text) => text.includes('<\x00\xff\x80>'), 'the echo')
      assert.equal(front.gateway.inflight().length, 1)
      wire.socket.end()
      await wire.untilEnded().catch(() => {})
      wire.socket.destroy()
      const entry = await front.exchange(({ status }) => status === 101)
      assert.equal(entry.error, null)
      assert.equal(entry.bytesIn, 8)
    })

    test('tells the app who is calling, not how', async () => {
      const { promise: head, resolve } = Promise.withResolvers<string>()
      await using app = await tunnelling(switching, (wire) => resolve(wire.received))
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ws?x HTTP/1.1\r\n${auth}${ask}\r\n`)
      await wire.response()
      const seen = await head
      assert.match(seen, /^GET \/ws\?x HTTP\/1\.1\r\n/)
      assert.match(seen, /x-auth-subject: all/i)
      assert.match(seen, /\r\nconnection: upgrade\r\n/i)
      assert.match(seen, /\r\nupgrade: websocket\r\n/i)
      assert.doesNotMatch(seen, new RegExp(token))
    })

    test('honours a half-close of the client', async () => {
      await using app = await tunnelling(switching, (wire) => {
        wire.socket.once('end', () => setTimeout(() => wire.socket.end('late'), 50))
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask}\r\n`)
      await wire.response()
      wire.socket.end()
      assert.equal(await wire.untilEnded(), 'late')
    })

    test('honours a half-close of the app', async () => {
      const { promise: got, resolve } = Promise.withResolvers<string>()
      await using app = await tunnelling(switching, (wire) => {
        wire.socket.end()
        wire.socket.on('data', (data) => resolve(data.toString()))
      })
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask}\r\n`)
      await wire.response()
      await wire.untilEnded()
      wire.send('late')
      assert.equal(await within(got, patience, 'the late bytes'), 'late')
      wire.socket.end()
      await eventually(() => front.gateway.inflight().length === 0, { what: 'the end of the tunnel' })
    })

    test('ends both sides when one is reset', async () => {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      await using app = await tunnelling(switching, (wire) => void wire.untilEnded().then(() => resolve()))
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask}\r\n`)
      await wire.response()
      wire.socket.resetAndDestroy()
      await within(closed, patience, 'the end at the app')
      await eventually(() => front.gateway.inflight().length === 0, { what: 'the end of the tunnel' })
    })

    for (const [what, answer, status, body] of [
      ['a refusal with a length', 'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno', 403, 'no'],
      ['a chunked refusal', 'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n', 403, 'no'],
      ['an ordinary 200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
      [
        'a 426 that names a protocol',
        'HTTP/1.1 426 Up\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno',
        426,
        'no',
      ],
    ] as const) {
      test(`relays ${what} and tunnels nothing`, async () => {
        let smuggled = false
        await using app = await tunnelling(answer, (wire) => {
          wire.socket.on('data', () => (smuggled = true))
        })
        await using front = await start(app)
        const wire = await front.wire()
        wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask}\r\nGET /hello/smuggled HTTP/1.1\r\nHost: h\r\n\r\n`)
        const response = await wire.response()
        assert.deepEqual([response.status, response.body], [status, body])
        // What came behind is a request of its own, or nothing at all.
        const next = await wire.response().catch(() => null)
        assert.ok(next === null || next.status === 401)
        assert.equal(smuggled, false)
      })
    }

    for (const [what, answer] of [
      ['another protocol', 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n'],
      ['no protocol', 'HTTP/1.1 101 X\r\n\r\n'],
      ['silence', ''],
    ] as const) {
      test(`answers 502 when the app switches to ${what}`, async () => {
        await using app = await tunnelling(answer, (wire) => wire.socket.end())
        await using front = await start(app)
        const wire = await front.wire()
        wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask}\r\n`)
        assert.equal((await wire.response()).status, 502)
      })
    }

    for (const [what, head] of [
      ['h2c', 'GET /hello/ HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x'],
      ['an upgrade without Connection', 'GET /hello/ HTTP/1.1\r\nUpgrade: websocket'],
      ['an upgrade in HTTP/1.0', 'GET /hello/ HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket'],
      [
        'an upgrade of a POST',
        'POST /hello/ HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0',
      ],
    ] as const) {
      test(`takes ${what} for an ordinary request`, async () => {
        await using app = await startApp(echo)
        await using front = await start(app)
        const wire = await front.wire()
        wire.send(`${head}\r\n${auth}\r\n`)
        const response = await wire.response()
        assert.equal(response.status, 200)
        for (const field of ['upgrade', 'http2-settings']) assert.deepEqual(sent(response, field), [])
        // What comes behind is a request of its own, unless the connection ends here.
        if (wire.ended || /close/i.test(response.field('connection') ?? '')) return
        wire.send(`GET /hello/next HTTP/1.1\r\n${auth}\r\n`)
        assert.equal((await wire.response()).status, 200)
      })
    }

    test('offers no h2c that hides in a list', async () => {
      const { promise: head, resolve } = Promise.withResolvers<string>()
      await using app = await tunnelling(switching, (wire) => resolve(wire.received))
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ws HTTP/1.1\r\n${auth}${ask.replace('websocket', 'h2c, websocket')}\r\n`)
      assert.equal((await wire.response()).status, 101)
      assert.doesNotMatch(await head, /h2c/)
    })

    test('takes the body of an upgrade for a body', async () => {
      await using app = await startApp(echo)
      await using front = await start(app)
      const wire = await front.wire()
      wire.send(`GET /hello/ HTTP/1.1\r\n${auth}${ask}Content-Length: 3\r\n\r\nabcGET /hello/2 HTTP/1.1\r\n${auth}\r\n`)
      const first = (await wire.response()).json() as unknown as Echoed
      assert.equal(first.body, 'abc')
      // What comes behind is a request of its own, unless the connection ends here.
      await wire
        .until((text) => text.includes('"url":"/2"'), 'the second answer')
        .catch((error: unknown) => {
          if (!wire.ended || wire.received !== '') throw error
        })
    })
  })
}
