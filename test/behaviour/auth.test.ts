import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import test from 'node:test'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { accepts, ask, rawRequest } from '../support/http.ts'
import { converse } from '../support/websocket.ts'

interface Echo {
  app: string
  url: string
  headers: Record<string, string>
}

const limited = 'a-token-for-hello-only'
const unlimited = 'a-token-for-all-of-them'
const digest = (token: string): string => createHash('sha256').update(token).digest('hex')
const config = {
  auth: {
    tokens: [
      { name: 'ops', sha256: digest(unlimited) },
      { name: 'ci', sha256: digest(limited), apps: ['hello'] },
    ],
  },
  apps: { open: { auth: 'none' } },
}
const apps = { 'hello.cjs': 'echo.cjs', 'clock.cjs': 'echo.cjs', 'open.cjs': 'echo.cjs' }

async function fleet(): Promise<Gateway> {
  const gateway = await startGateway({ apps, config, token: unlimited })
  await Promise.all(['hello', 'clock', 'open'].map((name) => gateway.events.ready(name)))
  return gateway
}

test('the token made at the first start opens, by both fields and in both forms; without it there is a 401', async (t) => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'echo.cjs' } })
  await gateway.events.ready('hello')
  const forms = { path: { path: '/hello/' }, host: { path: '/', host: `hello.localhost:${gateway.port}` } }
  for (const [form, { path, ...host }] of Object.entries(forms)) {
    await t.test(`in ${form} form`, async () => {
      const refused = await ask(gateway, path, { ...host, token: null })
      assert.equal(refused.status, 401)
      assert.match(refused.headers['content-type'] ?? '', /^application\/problem\+json/)
      assert.match(refused.headers['www-authenticate'] ?? '', /Bearer/)
      const problem = refused.json() as Record<string, unknown>
      assert.equal(problem['status'], 401)
      for (const field of ['type', 'title', 'detail', 'instance']) assert.equal(typeof problem[field], 'string', field)

      const wrong = { ...host, token: `${gateway.token}x` }
      assert.equal((await ask(gateway, path, wrong)).status, 401)
      assert.equal((await ask(gateway, path, { ...host, token: gateway.token })).status, 200)
      const bearer = { authorization: `Bearer ${gateway.token}` }
      assert.equal((await ask(gateway, path, { ...host, token: null, headers: bearer })).status, 200)
      const basic = { authorization: `Basic ${Buffer.from(`x:y`).toString('base64')}` }
      assert.equal((await ask(gateway, path, { ...host, token: null, headers: basic })).status, 401)
    })
  }
})

test('the token and everything else in the state folder are for its owner only', async () => {
  await using gateway = await startGateway()
  const state = gateway.folder.path('.quaymaster')
  assert.equal((await fs.stat(state)).mode & 0o777, 0o700)
  for (const entry of await fs.readdir(state, { withFileTypes: true, recursive: true })) {
    const { mode } = await fs.stat(`${entry.parentPath}/${entry.name}`)
    assert.equal(mode & 0o077, 0, `${entry.name} has mode ${(mode & 0o777).toString(8)}`)
  }
})

test('the token survives a restart', async () => {
  await using first = await startGateway()
  await first.stop()
  await using second = await startGateway({ folder: first.folder })
  assert.ok(first.token.length >= 32)
  assert.equal(second.token, first.token)
})

test('a valid token without the scope is told 403, and an app with auth none asks nobody', async () => {
  await using gateway = await fleet()
  assert.equal((await ask(gateway, '/hello/', { token: limited })).status, 200)
  assert.equal((await ask(gateway, '/clock/')).status, 200)
  const refused = await ask(gateway, '/clock/', { token: limited })
  assert.equal(refused.status, 403)
  assert.match(refused.headers['content-type'] ?? '', /^application\/problem\+json/)
  assert.equal((await ask(gateway, '/open/', { token: null })).status, 200)
})

test('no spelling of a path reaches an app that the token may not use', async (t) => {
  await using gateway = await fleet()
  const paths = String.raw`
    /hello/../clock/ /hello/%2e%2e/clock/ /hello/.%2e/clock/ /hello/%2E%2E%2Fclock/ /hello/..%2fclock/
    /hello/x/../../clock/ /hello//../clock/ /hello/./../clock/ //clock/ /./clock/ /%2e/clock/ /hello/../../clock/
    /hello/..;/clock/ /hello/..%5cclock/ /hello\..\clock/ /hello/%252e%252e/clock/ /hello/..%00/clock/ /hello/..#/clock/
    /open/../clock/ /open/%2e%2e/clock/ /open/..%2fclock/ /open/.%2e/hello/ /clock%2f /%63lock/ /clock
  `
    .trim()
    .split(/\s+/)
  for (const path of paths) {
    for (const token of [limited, null]) {
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost:${gateway.port}\r\nConnection: close\r\n`
      const field = token === null ? '' : `X-API-Token: ${token}\r\n`
      const answer = await rawRequest(gateway.port, `${head}${field}\r\n`)
      const status = Number(answer.slice(9, 12))
      assert.ok(!answer.includes('"app":"clock"'), `${path} reached clock with ${token ?? 'no token'}: ${answer}`)
      if (token === null) assert.ok(!answer.includes('"app":"hello"'), `${path} reached hello without a token`)
      assert.ok(status >= 200 && status < 500, `${path}: ${answer.slice(0, 60)}`)
      if (status === 200) {
        const seen = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Echo
        assert.ok(!/clock/.test(seen.url) || seen.app !== 'clock', seen.url)
      }
    }
  }
  t.diagnostic(`${paths.length} spellings, two callers each`)
})

test('a path is matched by whole segments and in its own case', async () => {
  await using gateway = await fleet()
  for (const path of ['/hello2', '/hello2/', '/hell', '/Hello/', '/hello.', '/hello;v=1/', '/hello%2f']) {
    assert.equal((await ask(gateway, path)).status, 404, path)
  }
  const bare = await ask(gateway, '/hello?q=1')
  const { url } = bare.status === 200 ? (bare.json() as Echo) : { url: '' }
  assert.ok(url === '/?q=1' || bare.headers.location?.endsWith('/hello/?q=1'), `${bare.status} ${url}`)
})

test('the caller is named to the app, the credential and every copy the caller made up are not', async () => {
  await using gateway = await fleet()
  const forged = {
    'x-auth-subject': 'root',
    'x-auth-scopes': 'everything',
    x_auth_subject: 'root',
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-prefix': '/admin',
    'x-forwarded-host': 'evil.example',
    'x-real-ip': '6.6.6.6',
    forwarded: 'for=6.6.6.6',
    authorization: `Bearer ${limited}`,
  }
  const { headers, url } = (await ask(gateway, '/hello/a?b=c', { token: limited, headers: forged })).json() as Echo
  assert.equal(url, '/a?b=c')
  assert.equal(headers['x-auth-subject'], 'ci')
  assert.match(headers['x-forwarded-for'] ?? '', /^(::ffff:)?127\.0\.0\.1$/)
  assert.equal(headers['x-forwarded-prefix'], '/hello')
  assert.equal(headers['x-forwarded-proto'], 'http')
  assert.equal(headers['x-forwarded-host'], `localhost:${gateway.port}`)
  assert.match(headers['x-request-id'] ?? '', /./)
  assert.match(headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
  const text = JSON.stringify(headers)
  for (const secret of [limited, 'everything', '6.6.6.6', 'root', 'evil.example']) {
    assert.ok(!text.includes(secret), `${secret} reached the app: ${text}`)
  }
})

test('upgrades and bodies are refused before any contact with the app', async () => {
  await using gateway = await startGateway({ apps: { 'quiet.cjs': 'crash-on-request.cjs' } })
  const { pid } = await gateway.events.ready('quiet')
  // This app would die of being asked.
  assert.equal(
    (await ask(gateway, '/quiet/crash', { token: null, method: 'POST', body: 'x'.repeat(100_000) })).status,
    401,
  )
  assert.equal(await converse(gateway, '/quiet/crash', { token: null }), 401)
  assert.equal(await converse(gateway, '/quiet/crash', { token: 'wrong' }), 401)
  assert.equal((await ask(gateway, '/quiet/')).status, 200)
  const [instance] = (await gateway.app('quiet')).instances
  assert.equal(instance?.pid, pid)
})

test('a credential is in no line that the gateway writes after its start', async () => {
  await using gateway = await fleet()
  const since = gateway.events.mark()
  for (const token of [gateway.token, limited]) {
    await ask(gateway, '/hello/', { token })
    await ask(gateway, '/hello/', { token: null, headers: { authorization: `Bearer ${token}` } })
    await ask(gateway, `/hello/?token=${token}&access_token=${token}`, { token })
    await ask(gateway, `/clock/?api_key=${token}`, { token: null })
    await ask(gateway, '/nothing/', { token })
  }
  await gateway.stop()
  const said = JSON.stringify(gateway.events.seen.slice(since)) + gateway.stderr()
  assert.ok(!said.includes(limited))
  assert.ok(!said.includes(gateway.token))
  assert.ok(said.length > 100, 'nothing was logged at all')
})

test('apps listen on 127.0.0.1 only, so that nobody from outside gets around the gateway', async () => {
  await using gateway = await fleet()
  const { port } = await gateway.events.ready('hello')
  assert.equal(await accepts(port), true)
  const { env } = (await ask(gateway, '/hello/env')).json() as { env: Record<string, string> }
  assert.equal(env['HOST'], '127.0.0.1')
  assert.equal(env['PORT'], String(port))
})
