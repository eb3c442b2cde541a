import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask, rawRequest } from '../support/http.ts'

test('health is public, what is not known is a 404 for those who may know, and CONNECT is refused', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  await gateway.events.ready('hello')
  assert.equal((await ask(gateway, '/-/health', { token: null })).status, 200)
  const unknown = await ask(gateway, '/nothing/')
  assert.equal(unknown.status, 404)
  assert.match(unknown.headers['content-type'] ?? '', /^application\/problem\+json/)
  const answer = await rawRequest(gateway.port, 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 4\d\d/)
})

test('redirects and cookie paths of an app come back under its prefix', async () => {
  const program = [
    '#!/usr/bin/env node',
    "require('node:http').createServer((request, response) => {",
    "  response.writeHead(302, { location: '/login?next=1', 'set-cookie': ['a=1; Path=/', 'b=2; Path=/sub; HttpOnly'] })",
    '  response.end()',
    '}).listen(Number(process.env.PORT), process.env.HOST)',
  ].join('\n')
  await using gateway = await startGateway({ apps: { 'web.cjs': { text: program } } })
  const { port } = await gateway.events.ready('web')
  const byPath = await ask(gateway, '/web/')
  assert.match(byPath.headers.location ?? '', /^(http:\/\/localhost:\d+)?\/web\/login\?next=1$/)
  assert.match(byPath.headers['set-cookie']?.[0] ?? '', /Path=\/web\/?(;|$)/)
  assert.match(byPath.headers['set-cookie']?.[1] ?? '', /Path=\/web\/sub(;|$)/)
  const byHost = await ask(gateway, '/', { host: `web.localhost:${gateway.port}` })
  assert.match(byHost.headers.location ?? '', /^(http:\/\/web\.localhost:\d+)?\/login\?next=1$/)
  assert.ok(!JSON.stringify([byPath.headers, byHost.headers]).includes(`:${port}`), 'the port of the app leaked')
})

test('no malformed or hostile bytes stop the gateway from serving the next one', async () => {
  await using gateway = await startGateway({ apps: { 'echo.cjs': 'echo.cjs' } })
  const { pid } = await gateway.events.ready('echo')
  const head = `Host: localhost\r\nX-API-Token: ${gateway.token}\r\n`
  const hostile = [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    `GET /echo/ HTTP/1.1\r\n\r\n`,
    `POST /echo/ HTTP/1.1\r\n${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
    `POST /echo/ HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
    `POST /echo/ HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
    `GET /echo/${'a'.repeat(70_000)} HTTP/1.1\r\n${head}\r\n`,
    `GET /echo/ HTTP/1.1\r\n${head}X-Big: ${'b'.repeat(100_000)}\r\n\r\n`,
    `GET /echo/\0 HTTP/1.1\r\n${head}\r\n`,
    `GET http://user:secret@localhost/echo/ HTTP/1.1\r\n${head}\r\n`,
    `POST /echo/ HTTP/1.1\r\n${head}Content-Length: 100\r\n\r\nshort`,
    `GET /echo/ HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ]
  for (const bytes of hostile) await rawRequest(gateway.port, Buffer.from(bytes, 'latin1'), 300).catch(() => '')
  assert.equal((await ask(gateway, '/echo/')).status, 200)
  assert.equal((await gateway.app('echo')).instances[0]?.pid, pid)
})

test('a chunked DELETE arrives as one request with its body', async () => {
  await using gateway = await startGateway({ apps: { 'echo.cjs': 'echo.cjs' } })
  await gateway.events.ready('echo')
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  for (const method of ['DELETE', 'OPTIONS', 'PUT']) {
    const answer = await ask(gateway, '/echo/x', {
      method,
      headers: { 'transfer-encoding': 'chunked' },
      body: smuggled,
    })
    const seen = answer.json() as { method: string; url: string; body: string }
    assert.deepEqual([seen.method, seen.url, seen.body], [method, '/x', smuggled])
  }
})
