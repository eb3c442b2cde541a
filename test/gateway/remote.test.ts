import assert from 'node:assert/strict'
import { test } from 'node:test'

import { remoteOf } from '../../src/gateway/remote.ts'
import { at, echo, type Echoed, ready, route, sent, startApp, startFront } from './kit.ts'

test('a remote target gets its own host, its base path in front and the prefix stripped', async () => {
  await using there = await startApp(echo)
  await using front = await startFront()
  front.routes([route('docs', { kind: 'remote', url: `http://localhost:${there.port}/v2/` })])
  const response = await front.ask('GET /docs/a%20b/?x=%zz', 'Cookie: a=1')
  assert.equal((response.json() as unknown as Echoed).url, '/v2/a%20b/?x=%zz')
  assert.deepEqual(sent(response, 'host'), [`localhost:${there.port}`])
  assert.deepEqual(sent(response, 'x-forwarded-host'), ['h'])
  assert.deepEqual(sent(response, 'x-forwarded-prefix'), ['/docs'])
  assert.deepEqual(sent(response, 'x-api-token'), [])
  assert.equal(front.exchanges[0]?.run, null)
})

test('a redirect of a remote target stays under our prefix', async () => {
  await using there = await startApp((_, response) => {
    response.writeHead(302, { Location: `http://127.0.0.1:${there.port}/v2/login` }).end()
  })
  await using front = await startFront()
  front.routes([route('docs', { kind: 'remote', url: `http://127.0.0.1:${there.port}/v2` })])
  assert.equal((await front.ask('GET /docs/')).field('location'), '/docs/login')
})

test('a remote target that cannot be reached is a 502 and nobody is suspected', async () => {
  const gone = await startApp(echo)
  await gone.kill()
  await using app = await startApp(echo)
  await using front = await startFront()
  front.routes([
    route('docs', { kind: 'remote', url: `http://127.0.0.1:${gone.port}` }),
    route('hello', ready(at(1, app.port))),
  ])
  const response = await front.ask('GET /docs/')
  assert.equal(response.status, 502)
  assert.equal(front.exchanges[0]?.error?.code, 'unreachable')
  assert.deepEqual(front.reports, [])
  assert.equal((await front.ask('GET /hello/')).status, 200)
})

test('what an app of ours does not get of a client a remote target does not get either', async () => {
  await using there = await startApp(echo)
  await using front = await startFront()
  const remote = { kind: 'remote', url: `http://127.0.0.1:${there.port}` } as const
  front.routes([route('docs', remote), route('hello', ready(at(1, there.port)))])
  const spoofs = [
    'X-User Remote-User X-Remote-User X-Auth-Subject X-Auth-Scopes Remote-Addr X-Real-IP X-Client-IP',
    'True-Client-IP X-Cluster-Client-IP Forwarded Proxy X-Forwarded-For X-Forwarded-User',
    'X-Original-URL X-Rewrite-URL X-Request-Id traceparent X_User X!Forwarded!For X_Forwarded_For',
    'X.Forwarded.For x_auth_subject X_Real_IP X_Request_Id X_API_Token Transfer_Encoding',
    'Content_Length Proxy-Authorization Proxy-Authentication-Info Proxy-Connection Keep-Alive',
    'Trailer X-Nominated',
  ].flatMap((row) => row.split(' '))
  const lines = ['Connection: X-Nominated, X-Forwarded-Proto, Host', 'Via: 1.0 before', 'My_Field: own']
  for (const app of ['hello', 'docs']) {
    const response = await front.ask(`GET /${app}/`, ...spoofs.map((name) => `${name}: spoof`), ...lines)
    assert.equal(response.status, 200)
    assert.doesNotMatch(response.body, /spoof/, app)
    assert.deepEqual(sent(response, 'x-forwarded-for'), ['127.0.0.1'])
    assert.deepEqual(sent(response, 'x-forwarded-proto'), ['http'])
    assert.deepEqual(sent(response, 'x-auth-subject'), ['all'])
    assert.deepEqual(sent(response, 'x-request-id'), [front.exchanges.at(-1)?.id])
    assert.match(sent(response, 'traceparent').join('|'), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    assert.deepEqual(sent(response, 'via').join(', '), '1.0 before, 1.1 quaymaster')
    assert.deepEqual(sent(response, 'my_field'), ['own'])
  }
})

test('what a client may say for itself reaches a remote target, without what is for us', async () => {
  await using there = await startApp(echo)
  await using front = await startFront()
  front.routes([route('docs', { kind: 'remote', url: `http://127.0.0.1:${there.port}` }, { auth: 'none' })])
  const cookie = `quaymaster-${front.port}`
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const response = await front.ask(
    'OPTIONS /docs/',
    `Cookie: a=1; ${cookie}=secret; b=2`,
    'Authorization: Basic eA==',
    'Max-Forwards: 3',
    `traceparent: ${trace}`,
    'tracestate: a=1',
    'TE: gzip, trailers',
  )
  assert.deepEqual(sent(response, 'cookie'), ['a=1; b=2'])
  assert.deepEqual(sent(response, 'authorization'), ['Basic eA=='])
  assert.deepEqual(sent(response, 'max-forwards'), ['2'])
  assert.deepEqual(sent(response, 'traceparent'), [trace])
  assert.deepEqual(sent(response, 'tracestate'), ['a=1'])
  assert.deepEqual(sent(response, 'te'), ['trailers'])
  const only = await front.ask('GET /docs/', `Cookie: ${cookie}=secret`, 'traceparent: none', 'tracestate: a=1')
  assert.doesNotMatch(only.body, /secret/)
  assert.deepEqual([sent(only, 'cookie'), sent(only, 'tracestate')], [[], []])
})

test('remoteOf reads a URL', () => {
  assert.deepEqual(remoteOf('https://docs.example.com/base/'), {
    to: { pool: 'https://docs.example.com', secure: true, host: 'docs.example.com', port: 443 },
    host: 'docs.example.com',
    base: '/base',
  })
  assert.deepEqual(remoteOf('http://[::1]:81').to, { pool: 'http://[::1]:81', secure: false, host: '::1', port: 81 })
})
