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

test('remoteOf reads a URL', () => {
  assert.deepEqual(remoteOf('https://docs.example.com/base/'), {
    to: { pool: 'https://docs.example.com', secure: true, host: 'docs.example.com', port: 443 },
    host: 'docs.example.com',
    base: '/base',
  })
  assert.deepEqual(remoteOf('http://[::1]:81').to, { pool: 'http://[::1]:81', secure: false, host: '::1', port: 81 })
})
