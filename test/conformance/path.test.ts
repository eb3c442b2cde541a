import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ask, known, route, startRig, token } from './kit.ts'

/** Section 6: path, prefix and redirects. */

/** What each of two apps sees of a target, or the status without an app: `app1 /x`, `404`. */
async function goes(targets: readonly string[], method = 'GET'): Promise<string[]> {
  await using one = await startRig()
  await using two = await startRig()
  one.routes([
    route('app1', one.child.port),
    route('app2', two.child.port, {}, 2),
    route('app10', two.child.port, {}, 2),
  ])
  const results: string[] = []
  for (const target of targets) {
    const before = [one.child.requests.length, two.child.requests.length]
    const { status, field } = await one
      .say(`${method} ${target} HTTP/1.1\r\n${known}Content-Length: 0\r\n\r\n`)
      .then((reply) => ({ status: reply.status, field: reply.field('location') ?? '' }))
    const first = one.child.requests[before[0] ?? 0]
    const second = two.child.requests[before[1] ?? 0]
    if (first) results.push(`app1 ${first.target}`)
    else if (second) results.push(`app2 ${second.target}`)
    else results.push(field === '' ? String(status) : `${status} ${field}`)
  }
  return results
}

test('rule 102: a prefix matches whole segments', async () => {
  const targets = [
    '/api/app10/x',
    '/api/app1x',
    '/api/app',
    '/api/app1/x',
    '/api',
    '/',
    '/x/api/app1/x',
    '/api/app1.',
    '/api/app100/',
  ]
  assert.deepEqual(await goes(targets), ['app2 /x', '404', '404', 'app1 /x', '404', '404', '404', '404', '404'])
})

test('rule 103: dot segments that leave the prefix are routed anew or refused', async () => {
  assert.deepEqual(
    await goes([
      '/api/app1/../app2/x',
      '/api/app1/%2e%2e/app2/x',
      '/api/app1/%2E./app2/x',
      '/api/app1/..',
      '/api/app1/../../../x',
      '/../api/app1/x',
      '/api/app1/./../app2/x',
      '/api/app1/x/../../app2/y',
    ]),
    ['app2 /x', 'app2 /x', 'app2 /x', '404', '404', 'app1 /x', 'app2 /x', 'app2 /y'],
  )
  for (const result of await goes([
    '/api/app1/..%2fapp2/x',
    '/api/app1/..%5capp2/x',
    '/api/app1/%2e%2e%2fapp2/x',
    '/api/app1/..\\app2/x',
    '/api/app1/%2e%2e%5capp2',
    '/api/app1/x%2f..%2f..%2fapp2',
    '/api/app1/..%2F',
    '/api/app1/%2f..',
  ]))
    assert.equal(result, '400')
})

test('rule 103: a caller for one app does not reach another by dots', async () => {
  await using rig = await startRig()
  rig.routes([route('app1', rig.child.port, { auth: 'none' }), route('app2', rig.child.port, {}, 2)])
  for (const target of ['/api/app1/../app2/x', '/api/app1/%2e%2e/app2/x', '/api/app1/..%2fapp2/x']) {
    const reply = await rig.say(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)
    assert.ok([400, 401].includes(reply.status), target)
  }
  assert.equal(rig.child.requests.length, 0)
})

test('rule 104: dot segments inside the prefix are resolved once', async () => {
  assert.deepEqual(
    await goes([
      '/api/app1/x/./y/../z',
      '/api/app1/x/.',
      '/api/app1/x/..',
      '/api/app1/...',
      '/api/app1/.x/..y',
      '/api/app1/x/%2e/y',
      '/api/app1/?x=/../y/./z',
      '/api/app1/a/../../app1/b',
    ]),
    ['app1 /x/z', 'app1 /x/', 'app1 /', 'app1 /...', 'app1 /.x/..y', 'app1 /x/y', 'app1 /?x=/../y/./z', 'app1 /b'],
  )
})

test('rule 105: encoded separators are no separators, and nothing is decoded twice', async () => {
  assert.deepEqual(
    await goes([
      '/api/app1%2fx',
      '/api%2fapp1/x',
      '/api/app1/a%2fb',
      '/api/app1/a%2Fb',
      '/api/app1/a%5cb',
      '/api/app1/%25',
      '/api/app1/%252e%252e/app2',
      '/api/app1/%252f',
      '/%61pi/app1/x',
      '/api/app1%5cx',
      '/api/app1/%2e%252e/x',
    ]),
    [
      '404',
      '404',
      'app1 /a%2fb',
      'app1 /a%2Fb',
      'app1 /a%5cb',
      'app1 /%25',
      'app1 /%252e%252e/app2',
      'app1 /%252f',
      '404',
      '404',
      'app1 /%2e%252e/x',
    ],
  )
})

test('rule 105: an encoded NUL and broken encodings are refused', async () => {
  assert.deepEqual(
    await goes(['/api/app1/%00', '/api/app1/a%00b', '/api/app1/%', '/api/app1/%zz', '/api/app1/%2']),
    Array(5).fill('400'),
  )
})

test('rule 106: double slashes neither hide a prefix nor become a host', async () => {
  const [front, inside, ...behind] = await goes([
    '//api/app1/x',
    '/api//app1/x',
    '/api/app1//x',
    '/api/app1///evil.test',
    '/api/app1/a//b',
  ])
  assert.match(front ?? '', /^(404|app1 \/x)$/)
  assert.match(inside ?? '', /^(404|app1 \/x)$/)
  for (const it of behind) assert.doesNotMatch(it, /^app1 \/\//)
  assert.deepEqual(behind[2], 'app1 /a//b')
  for (const it of await goes([
    '//evil.test/..',
    '//api/app1',
    '///api/app1',
    '/api/app1//..',
    '//evil.test/%2e%2e/api/app1',
  ]))
    assert.doesNotMatch(it, /^30. \/\//)
})

test('rule 106: slashes in front of a path neither reach an app nor lead a browser to another host', async () => {
  await using rig = await startRig()
  const host = known.replace('Host: h', 'Host: app1.localhost')
  for (const target of ['//evil.test/x', '///evil.test/x', '/a/..//evil.test/x', '/%2e//evil.test/x']) {
    assert.equal((await rig.say(`GET ${target} HTTP/1.1\r\n${host}\r\n`)).status, 200, target)
    assert.equal(rig.child.requests.at(-1)?.target, '/evil.test/x', target)
    const form = new URLSearchParams({ token, next: target }).toString()
    const signIn = `POST /-/login HTTP/1.1\r\nHost: h\r\nContent-Length: ${form.length}\r\n\r\n${form}`
    const reply = await rig.say(signIn)
    assert.deepEqual([reply.status, reply.field('location')], [303, '/evil.test/x'], target)
  }
})

test('rule 107: paths are case-sensitive, and neither parameters nor backslashes separate', async () => {
  assert.deepEqual(await goes(['/API/APP1/x', '/api/App1/x', '/api/app1;v=1/x', '/api/app1/x;v=1', '/api/app1/a\\b']), [
    '404',
    '404',
    '404',
    'app1 /x;v=1',
    'app1 /a\\b',
  ])
  for (const it of await goes([
    '/api/app1\\..\\app2',
    '/api/app1/..;/app2/x',
    '/api/app1/..;x=1/app2/x',
    '/api\\app1/x',
    '/api/app1/x/..\\..\\app2',
  ]))
    assert.doesNotMatch(it, /^app2/)
})

test('rule 108: path and query go on byte for byte', async () => {
  const targets = [
    '/a%20b+c',
    '/%E2%82%AC',
    '/x?',
    '/x?a=1;b=2&c=%zz',
    '/x?a=%00',
    '/x??',
    '/x?a=b?c=d',
    '/%e2%82%ac',
    "/~!$&'()*+,;=:@",
    '/x?q=//evil/../',
    '/?',
    '/a%2B',
    '/x?%',
    '/%41%7e',
  ]
  assert.deepEqual(
    await goes(targets.map((target) => `/api/app1${target}`)),
    targets.map((target) => `app1 ${target}`),
  )
})

test('rule 109: a bare prefix is sent to the one with a slash, or is / to the app', async () => {
  assert.deepEqual(await goes(['/api/app1', '/api/app1?q=1', '/api/app1?', '/x/../api/app1']), [
    '308 /api/app1/',
    '308 /api/app1/?q=1',
    '308 /api/app1/?',
    '308 /api/app1/',
  ])
  assert.deepEqual(await goes(['/api/app1', '/api/app1?q=1'], 'HEAD'), ['308 /api/app1/', '308 /api/app1/?q=1'])
  for (const method of ['POST', 'DELETE', 'OPTIONS'])
    assert.deepEqual(await goes(['/api/app1', '/api/app1?q=1'], method), ['app1 /', 'app1 /?q=1'])
})

/** What becomes of a field of a response. */
async function maps(
  name: string,
  values: (port: number) => readonly string[],
  status = 302,
): Promise<(string | undefined)[]> {
  await using rig = await startRig()
  const results: (string | undefined)[] = []
  for (const value of values(rig.child.port)) {
    rig.child.script = () => `HTTP/1.1 ${status} X\r\n${name}: ${value}\r\nContent-Length: 0\r\n\r\n`
    results.push((await rig.say(ask('GET /x'))).field(name))
  }
  return results
}

test('rule 110: a redirect of an app to itself leads to its public prefix', async () => {
  const own = await maps('Location', (port) => [
    '/login',
    `http://127.0.0.1:${port}/login?a#b`,
    `//127.0.0.1:${port}/login`,
    `http://localhost:${port}/`,
    `http://127.0.0.1:${port}`,
    '/',
    '/?q',
    'http://h/login',
  ])
  assert.deepEqual(own, [
    '/api/app1/login',
    '/api/app1/login?a#b',
    '/api/app1/login',
    '/api/app1/',
    '/api/app1/',
    '/api/app1/',
    '/api/app1/?q',
    'http://h/api/app1/login',
  ])
  assert.deepEqual(await maps('Location', () => ['/made'], 201), ['/api/app1/made'])
})

test('rule 110: other redirects stay as they are', async () => {
  const foreign = [
    'login',
    '../x',
    '?q',
    '#f',
    'http://elsewhere/login',
    '//elsewhere/x',
    'mailto:a@b',
    'http://127.0.0.1:1/x',
    '/api/app1/already',
    'https://h.evil/x',
  ]
  assert.deepEqual(await maps('Location', () => foreign), foreign)
})

test('rule 110: no redirect of an app leads to another site through its slashes', async () => {
  for (const value of await maps('Location', (port) => [
    `http://127.0.0.1:${port}//evil.test/x`,
    `//localhost:${port}///evil.test`,
  ]))
    assert.match(value ?? '', /^\/[^/]/)
  // Also where no prefix stands in front: an app that has a host of its own.
  await using rig = await startRig()
  const { port } = rig.child
  for (const value of [`http://127.0.0.1:${port}//evil.test/x`, `//localhost:${port}///evil.test/x`]) {
    rig.child.script = () => `HTTP/1.1 302 X\r\nLocation: ${value}\r\nContent-Length: 0\r\n\r\n`
    const reply = await rig.say(`GET /x HTTP/1.1\r\n${known.replace('Host: h', 'Host: app1.localhost')}\r\n`)
    assert.equal(reply.field('location'), '/evil.test/x', value)
  }
})

test('rule 111: the path of a cookie is put under the prefix', async () => {
  const cookies = [
    'a=1; Path=/',
    'a=1; path=/x; HttpOnly',
    'a=1',
    'a=1; Path=/; Domain=evil.test',
    '__Host-a=1; Path=/; Secure',
    'a=1; Path=/api/app1/',
  ]
  assert.deepEqual(await maps('Set-Cookie', () => cookies, 200), [
    'a=1; Path=/api/app1/',
    'a=1; path=/api/app1/x; HttpOnly',
    'a=1',
    'a=1; Path=/; Domain=evil.test',
    '__Host-a=1; Path=/; Secure',
    'a=1; Path=/api/app1/',
  ])
})

test('rule 111: no app sets the cookie of the gateway, and none is shown it', async () => {
  await using rig = await startRig()
  const name = `quaymaster-${rig.gateway.port}`
  rig.child.script = () =>
    `HTTP/1.1 200 OK\r\nSet-Cookie: ${name}=evil; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n`
  const reply = await rig.say(ask('GET /x', `Cookie: a=1; ${name}=session; c=3`, `Cookie: ${name}=session`))
  assert.deepEqual(reply.all('set-cookie'), ['b=2'])
  assert.deepEqual((await rig.child.request()).all('cookie'), ['a=1; c=3'])
})

test('rule 112: the stripped prefix is told to the app once, whatever the client says', async () => {
  await using rig = await startRig()
  await rig.say(ask('GET /x', 'X-Forwarded-Prefix: /evil', 'x-forwarded-prefix: /two'))
  await rig.say(
    `GET /x HTTP/1.1\r\n${known.replace('Host: h', 'Host: app1.localhost')}X-Forwarded-Prefix: /evil\r\n\r\n`,
  )
  rig.routes([route('app1', rig.child.port, { strip: false })])
  await rig.say(ask('GET /x', 'X-Forwarded-Prefix: /evil'))
  assert.deepEqual(
    rig.child.requests.map((request) => [request.target, ...request.all('x-forwarded-prefix')]),
    [['/x', '/api/app1'], ['/x'], ['/api/app1/x']],
  )
})
