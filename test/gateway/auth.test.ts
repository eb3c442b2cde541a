import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { eventually } from '../support/wait.ts'
import {
  at,
  echo,
  type Front,
  helloOnly,
  ready,
  type Response,
  route,
  sent,
  sha256,
  startApp,
  startFront,
  startRaw,
  token,
  waiting,
} from './kit.ts'

async function request(front: Front, first: string, ...lines: string[]): Promise<Response> {
  const wire = await front.wire()
  wire.send([`${first} HTTP/1.1`, 'Host: h', ...lines, '', ''].join('\r\n'))
  const response = await wire.response(first.split(' ')[0])
  wire.socket.destroy()
  return response
}

describe('a protected app', () => {
  const basic = 'Authorization: Basic dTpw'
  const cases: [what: string, fields: string[], status: number][] = [
    ['no credential', [], 401],
    ['a token', [`X-API-Token: ${token}`], 200],
    ['a bearer', [`Authorization: Bearer ${token}`], 200],
    ['a bearer in another case', [`authorization: bearer ${token}`], 200],
    ['both, alike', [`X-API-Token: ${token}`, `Authorization: Bearer ${token}`], 200],
    ['a narrow token of its own', [`X-API-Token: ${helloOnly}`], 200],
    ['a token and Basic', [`X-API-Token: ${token}`, basic], 200],
    ['a wrong token', ['X-API-Token: wrong'], 401],
    ['an empty token', ['X-API-Token:'], 401],
    ['a wrong bearer', ['Authorization: Bearer wrong'], 401],
    ['a bearer without a token', ['Authorization: Bearer'], 401],
    ['Basic alone', [basic], 401],
    ['the digest instead of the token', [`X-API-Token: ${sha256(token)}`], 401],
    ['a token that begins alike', [`X-API-Token: ${token}x`], 401],
    ['both, different', [`X-API-Token: ${token}`, `Authorization: Bearer ${helloOnly}`], 400],
    ['two tokens', [`X-API-Token: ${token}`, `X-API-Token: ${token}`], 400],
    ['two authorizations', [`Authorization: Bearer ${token}`, basic], 400],
    ['the token in a nominated field', [`X-API-Token: ${token}`, 'Connection: X-API-Token'], 200],
    ['the token in an alias', [`X_API_Token: ${token}`], 401],
    ['the token in a cookie', [`Cookie: token=${token}`], 401],
  ]
  for (const [what, fields, status] of cases) {
    test(`answers ${what} with ${status}`, async () => {
      await using app = await startApp(echo)
      await using front = await startFront()
      front.routes([route('hello', ready(at(1, app.port)))])
      const response = await request(front, 'GET /hello/', ...fields)
      assert.equal(response.status, status)
      if (status !== 200) assert.equal(app.sockets.size, 0)
      if (status === 401) {
        assert.equal(response.field('www-authenticate'), 'Bearer realm="quaymaster"')
        assert.equal(response.field('content-type'), 'application/problem+json')
      }
      if (status === 200) {
        assert.ok(!response.body.includes(token) && !response.body.includes(helloOnly))
        assert.deepEqual(sent(response, 'authorization'), fields.includes(basic) ? ['Basic dTpw'] : [])
        assert.deepEqual(sent(response, 'x-auth-subject'), [fields[0]?.includes(helloOnly) ? 'narrow' : 'all'])
      }
    })
  }

  test('judges each request by its own token, whichever was good before', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const wire = await front.wire()
    const changed = `${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`
    const shown = [
      token,
      changed,
      token,
      token.slice(0, -1),
      helloOnly,
      token,
      `x${token.slice(1)}`,
      `${token}${token}`,
    ]
    const told: string[] = []
    for (const one of shown) {
      wire.send(`GET /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${one}\r\n\r\n`)
      const response = await wire.response('GET')
      told.push(response.status === 200 ? sent(response, 'x-auth-subject').join() : String(response.status))
    }
    wire.socket.destroy()
    assert.deepEqual(told, ['all', '401', 'all', '401', 'narrow', 'all', '401', '401'])
  })

  test('is not for a token of another app, and does not exist for who shows none', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port))), route('clock', ready(at(2, app.port)))])
    const narrow = `X-API-Token: ${helloOnly}`
    assert.equal((await request(front, 'GET /clock/', narrow)).status, 403)
    assert.equal((await request(front, 'GET /hello/../clock/', narrow)).status, 403)
    assert.equal((await request(front, 'GET /hello/%2e%2e/clock/', narrow)).status, 403)
    assert.equal((await request(front, 'GET /clock/../hello/', narrow)).status, 200)
    assert.equal((await request(front, 'GET /nothing/', narrow)).status, 404)
    assert.equal((await request(front, 'GET /nothing/')).status, 401)
    assert.equal((await request(front, 'GET /nothing/', 'X-API-Token: wrong')).status, 401)
  })

  test('is protected on upgrades, preflights and bodies alike, before anything is sent to it', async () => {
    await using app = await startRaw(() => {})
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13']
    assert.equal((await request(front, 'GET /hello/', ...upgrade)).status, 401)
    assert.equal((await request(front, 'OPTIONS /hello/', 'Origin: http://x')).status, 401)
    const expecting = await request(front, 'POST /hello/', 'Expect: 100-continue', 'Content-Length: 5')
    assert.equal(expecting.status, 401)
    const wire = await front.wire()
    const hidden = `GET /hello/hidden HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n\r\n`
    wire.send(`POST /hello/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`)
    assert.equal((await wire.response()).status, 401)
    wire.send('GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')
    const next = await wire.response().catch(() => null)
    assert.ok(next === null || next.status === 200)
    assert.equal(app.sockets.size, 0)
  })

  test('drains a refused upload only so far', async () => {
    await using front = await startFront()
    const wire = await front.wire()
    wire.send('POST /hello/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n')
    assert.equal((await wire.response()).status, 401)
    const flood = setInterval(() => wire.socket.writable && wire.socket.write(Buffer.alloc(256 * 1024)), 5)
    await wire.untilEnded()
    clearInterval(flood)
  })

  test('follows a new configuration at once', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    front.gateway.configure({
      tokens: [
        { name: 'new', sha256: sha256('fresh'), apps: null },
        { name: 'bad', sha256: 'xy', apps: null },
      ],
    })
    assert.equal((await request(front, 'GET /hello/', `X-API-Token: ${token}`)).status, 401)
    assert.equal((await request(front, 'GET /hello/', 'X-API-Token: fresh')).status, 200)
  })
})

describe('a public app', () => {
  test('needs no credential, keeps its own and never sees ours', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)), { auth: 'none' })])
    const own = await request(front, 'GET /hello/', 'Authorization: Bearer of-the-app', 'Cookie: a=1')
    assert.equal(own.status, 200)
    assert.deepEqual(sent(own, 'authorization'), ['Bearer of-the-app'])
    assert.deepEqual(sent(own, 'cookie'), ['a=1'])
    assert.deepEqual(sent(own, 'x-auth-subject'), [])
    const ours = await request(front, 'GET /hello/', `Authorization: Bearer ${token}`, 'X-Auth-Subject: root')
    assert.deepEqual(sent(ours, 'authorization'), [])
    assert.deepEqual(sent(ours, 'x-auth-subject'), ['all'])
  })

  const bearer = `Authorization: Bearer ${token}`
  const twice = ['X-API-Token: a', 'X-API-Token: b']
  const mixed: [what: string, fields: string[], seen: string[]][] = [
    ['two fields of its own', ['Authorization: a', 'Authorization: b'], ['a', 'b']],
    ['two tokens and a bearer of its own', [...twice, 'Authorization: Bearer c'], ['Bearer c']],
    ['two tokens and our bearer', [...twice, bearer], []],
    ['two tokens, our bearer and one of its own', [...twice, bearer, 'Authorization: Bearer c'], ['Bearer c']],
    ['our bearer and Basic', [bearer, 'Authorization: Basic dTpw'], ['Basic dTpw']],
    ['Basic and our bearer', ['Authorization: Basic dTpw', `authorization: bearer  ${helloOnly}`], ['Basic dTpw']],
    ['our bearer twice', [bearer, bearer], []],
  ]
  for (const place of ['here', 'elsewhere'])
    for (const [what, fields, seen] of mixed)
      test(`${place} that is sent ${what} gets what is its own`, async () => {
        await using app = await startApp(echo)
        await using front = await startFront()
        const remote = { kind: 'remote', url: `http://127.0.0.1:${app.port}/` } as const
        front.routes([route('hello', place === 'here' ? ready(at(1, app.port)) : remote, { auth: 'none' })])
        const response = await request(front, 'GET /hello/', ...fields)
        assert.equal(response.status, 200)
        assert.deepEqual(sent(response, 'authorization'), seen)
        assert.deepEqual([sent(response, 'x-api-token'), sent(response, 'x-auth-subject')], [[], []])
      })
})

describe('signing in', () => {
  const html = 'Accept: text/html'

  async function signIn(front: Front, secret: string, next = '/hello/'): Promise<Response> {
    const wire = await front.wire()
    const form = new URLSearchParams({ token: secret, next }).toString()
    const head = [
      'POST /-/login HTTP/1.1',
      'Host: h',
      'Origin: http://h',
      'Content-Type: application/x-www-form-urlencoded',
    ]
    wire.send([...head, `Content-Length: ${form.length}`, '', form].join('\r\n'))
    const response = await wire.response()
    wire.socket.destroy()
    return response
  }

  async function cookieOf(front: Front, secret = token): Promise<string> {
    return `Cookie: ${(await signIn(front, secret)).field('set-cookie')?.split(';')[0]}`
  }

  test('shows a page to a browser that is refused, and leads back', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const refused = await request(front, 'GET /hello/x?y=1', html)
    assert.equal(refused.status, 401)
    assert.match(refused.body, /<form method="post" action="\/-\/login">/)
    assert.match(refused.body, /name="next" value="\/hello\/x\?y=1"/)
    assert.match(refused.field('content-security-policy') ?? '', /default-src 'none'; style-src 'sha256-/)
    const page = await request(front, 'GET /-/login?next=%2Fhello%2F')
    assert.equal(page.status, 200)
    assert.match(page.body, /name="next" value="\/hello\/"/)
    const done = await signIn(front, token, '/hello/x?y=1')
    assert.deepEqual([done.status, done.field('location')], [303, '/hello/x?y=1'])
    const cookie = done.field('set-cookie') ?? ''
    assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax$/)
    assert.ok(!cookie.includes(token) && !cookie.includes(sha256(token)))
    const signed = await request(front, 'GET /hello/', `Cookie: a=1; ${cookie.split(';')[0]}`)
    assert.equal(signed.status, 200)
    assert.deepEqual(sent(signed, 'cookie'), ['a=1'])
    assert.deepEqual(sent(signed, 'x-auth-subject'), ['all'])
  })

  test('leads to no other place', async () => {
    await using front = await startFront()
    for (const next of ['https://evil.test/', '//evil.test/', '/\\evil.test', 'javascript:x', '/-/logout', ''])
      assert.match((await signIn(front, token, next)).field('location') ?? '', /^\/(evil\.test\/)?$/, next)
  })

  test('is refused with a wrong token, and after many for a while', async () => {
    await using front = await startFront()
    assert.equal((await signIn(front, 'wrong')).status, 401)
    for (let time = 0; time < 9; time += 1) await signIn(front, 'wrong')
    const late = await signIn(front, 'wrong')
    assert.equal(late.status, 429)
    assert.ok(Number(late.field('retry-after')) >= 1)
    // Behind a proxy many share one address: what one of them guesses does not lock out the others.
    assert.equal((await signIn(front, token)).status, 303)
  })

  test('cannot be done by another site', async () => {
    await using front = await startFront()
    const form = `token=${token}`
    const response = await front.ask(
      'POST /-/login',
      'Origin: http://evil.test',
      `Content-Length: ${form.length}`,
      '',
      form,
    )
    assert.equal(response.status, 403)
  })

  test('asks a client that waits for it to send its form', async () => {
    await using front = await startFront()
    const wire = await front.wire()
    const form = new URLSearchParams({ token, next: '/hello/' }).toString()
    const expecting = ['Host: h', `Content-Length: ${form.length}`, 'Expect: 100-continue', '', '']
    wire.send(['POST /-/login HTTP/1.1', ...expecting].join('\r\n'))
    assert.equal((await wire.response()).status, 100)
    wire.send(form)
    const done = await wire.response()
    assert.deepEqual([done.status, done.field('location')], [303, '/hello/'])
    // Nobody who is refused anyhow is asked.
    wire.send(['POST /-/login HTTP/1.1', 'Origin: http://evil.test', ...expecting].join('\r\n'))
    assert.equal((await wire.response()).status, 403)
  })

  test('limits its form', async () => {
    await using front = await startFront()
    const response = await front.ask('POST /-/login', 'Content-Length: 100000', '', `token=${'x'.repeat(100_000 - 6)}`)
    assert.equal(response.status, 413)
  })

  test('gives a cookie that another site cannot use for changes or WebSockets', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const cookie = await cookieOf(front)
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13']
    const length = 'Content-Length: 0'
    const cases: [first: string, fields: string[], status: number][] = [
      ['GET /hello/', [], 200],
      ['GET /hello/', ['Origin: http://evil.test'], 200],
      ['POST /hello/', [length, 'Origin: http://h'], 200],
      ['POST /hello/', [length], 403],
      ['POST /hello/', [length, 'Origin: null'], 403],
      ['POST /hello/', [length, 'Origin: http://evil.test'], 403],
      ['POST /hello/', [length, 'Origin: http://h:81'], 403],
      ['POST /hello/', [length, 'Origin: http://h', 'Origin: http://evil.test'], 403],
      ['DELETE /hello/', ['Origin: http://evil.test'], 403],
      ['GET /hello/', [...upgrade, 'Origin: http://evil.test'], 403],
      ['GET /hello/', upgrade, 403],
      ['GET /hello/', [...upgrade, 'Origin: http://h'], 200],
    ]
    for (const [first, fields, status] of cases)
      assert.equal((await request(front, first, cookie, ...fields)).status, status, [first, ...fields].join(', '))
    const byToken = await request(front, 'POST /hello/', length, 'Origin: http://evil.test', `X-API-Token: ${token}`)
    assert.equal(byToken.status, 200)
  })

  test('gives a cookie with the scope of its token, beside which an app may use a bearer of its own', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port))), route('clock', ready(at(2, app.port)))])
    const cookie = await cookieOf(front, helloOnly)
    assert.equal((await request(front, 'GET /clock/', cookie)).status, 403)
    const own = await request(front, 'GET /hello/', cookie, 'Authorization: Bearer of-the-app')
    assert.deepEqual([own.status, sent(own, 'authorization')], [200, ['Bearer of-the-app']])
    assert.equal((await request(front, 'GET /hello/', cookie, 'X-API-Token: wrong')).status, 401)
  })

  test('is not ended by another site', async () => {
    await using front = await startFront()
    const cookie = await cookieOf(front)
    for (const foreign of ['Origin: http://evil.test', 'Sec-Fetch-Site: cross-site'])
      for (const method of ['GET', 'POST'])
        assert.equal((await request(front, `${method} /-/logout`, cookie, foreign)).status, 403)
    assert.equal((await request(front, 'GET /-/logout', cookie, 'Sec-Fetch-Site: same-origin')).status, 303)
  })

  test('leads to a list of what the caller may use, where no app stands at the root', async () => {
    await using front = await startFront()
    front.routes([route('hello', waiting), route('secret', waiting), route('open', waiting, { auth: 'none' })])
    const page = await request(front, 'GET /', `X-API-Token: ${helloOnly}`, 'Accept: text/html')
    assert.equal(page.status, 200)
    assert.match(page.body, /href="\/hello\/"/)
    assert.match(page.body, /href="\/open\/"/)
    assert.doesNotMatch(page.body, /secret/)
    assert.equal((await request(front, 'GET /', `X-API-Token: ${helloOnly}`)).status, 404)
    assert.equal((await request(front, 'GET /', 'Accept: text/html')).status, 401)
  })

  test('ends with signing out, with the token, and with a changed cookie', async () => {
    await using app = await startApp(echo)
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const cookie = await cookieOf(front)
    for (const bent of [
      cookie.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      cookie.replace(/=(\d)/, '=9$1'),
      `${cookie}x`,
    ])
      assert.equal((await request(front, 'GET /hello/', bent)).status, 401, bent)
    const other = await cookieOf(front)
    const out = await request(front, 'POST /-/logout', cookie, 'Content-Length: 0')
    assert.deepEqual([out.status, out.field('location')], [303, '/-/login'])
    assert.match(out.field('set-cookie') ?? '', /Max-Age=0/)
    assert.equal((await request(front, 'GET /hello/', cookie)).status, 401)
    assert.equal((await request(front, 'GET /hello/', other)).status, 200)
    front.gateway.configure({ tokens: [] })
    assert.equal((await request(front, 'GET /hello/', other)).status, 401)
  })
})

test('the pages of the gateway are its own on every host', async () => {
  await using app = await startApp(echo)
  await using front = await startFront()
  front.routes([route('root', ready(at(1, app.port)), { path: '/', auth: 'none' })])
  for (const host of ['h', 'root.localhost']) {
    const wire = await front.wire()
    wire.send(`GET /-/health HTTP/1.1\r\nHost: ${host}\r\n\r\nGET /-/other HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    assert.equal((await wire.response()).body, '{"status":"ok"}\n')
    assert.equal((await wire.response()).status, 404)
    wire.send(`GET /x/../-/other HTTP/1.1\r\nHost: ${host}\r\n\r\nPUT /-/health HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    assert.equal((await wire.response()).status, 404)
    assert.equal((await wire.response()).status, 405)
  }
  await eventually(() => front.exchanges.length === 8, { what: 'the journal' })
})
