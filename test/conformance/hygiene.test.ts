import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ask, known, ok, refuses, route, type Seen, startRig, token } from './kit.ts'

/** Section 3: header hygiene, identity and trust. */

/** What the app sees of a request with these fields. */
async function sees(...fields: string[]): Promise<Seen> {
  await using rig = await startRig()
  const reply = await rig.say(ask('GET /x', ...fields))
  assert.equal(reply.status, 200, fields.join(' | '))
  assert.deepEqual(rig.child.bad, [])
  return rig.child.request()
}

function lacks(request: Seen, ...names: string[]): void {
  for (const name of names) assert.deepEqual(request.all(name), [], name)
}

test('rule 51: what Connection nominates goes with it, in requests and in responses', async () => {
  for (const lines of [
    ['Connection: close, X-Foo', 'X-Foo: 1'],
    ['Connection: x-foo', 'Connection: close', 'X-Foo: 1'],
    ['Connection:', 'Connection: , X-FOO ,', 'X-Foo: 1', 'X-Foo: 2'],
    ['X-Foo: 1', 'Connection: keep-alive,X-Foo,X-Bar', 'X-Bar: 1'],
  ]) {
    const request = await sees(...lines, 'X-Stay: 1')
    lacks(request, 'x-foo', 'x-bar')
    assert.ok(!/foo|close/i.test(request.all('connection').join()), request.raw)
    assert.deepEqual(request.all('x-stay'), ['1'])
  }
  await using rig = await startRig({
    script: () => 'HTTP/1.1 200 OK\r\nConnection:\r\nConnection: close, X-Foo\r\nX-Foo: 1\r\nContent-Length: 0\r\n\r\n',
  })
  const reply = await rig.say(ask('GET /x'))
  assert.deepEqual([reply.all('x-foo'), /foo/i.test(reply.all('connection').join())], [[], false])
})

test('rule 52: Connection cannot take away what the gateway adds, nor the credential before it is read', async () => {
  const nominated =
    'X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Real-IP, X-API-Token, X-Auth-Subject, Via, X-Request-Id, X-Forwarded-Prefix, traceparent'
  const request = await sees(`Connection: close, ${nominated}`, 'X-Real-IP: 203.0.113.9')
  assert.deepEqual(request.all('x-forwarded-for'), ['127.0.0.1'])
  assert.deepEqual(request.all('x-forwarded-host'), ['h'])
  assert.deepEqual(request.all('x-forwarded-proto'), ['http'])
  assert.deepEqual(request.all('x-forwarded-prefix'), ['/api/app1'])
  assert.deepEqual(request.all('x-auth-subject'), ['all'])
  assert.equal(request.all('via').length, 1)
  assert.equal(request.all('x-request-id').length, 1)
  assert.equal(request.all('traceparent').length, 1)
  lacks(request, 'x-real-ip', 'x-api-token')
  assert.doesNotMatch(request.all('connection').join(), /forwarded|token/i)
})

test('rule 53: Connection cannot nominate Host or framing', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  peer.send(ask('POST /x', 'Connection: Host, Content-Length, Transfer-Encoding', 'Content-Length: 5') + 'hello')
  assert.equal((await peer.response()).status, 200)
  peer.send(
    ask('POST /x', 'Connection: Transfer-Encoding, host', 'Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n',
  )
  assert.equal((await peer.response()).status, 200)
  for (const request of rig.child.requests) assert.deepEqual([request.all('host'), request.body], [['h'], 'hello'])
  assert.equal(rig.child.requests.length, 2)
  assert.deepEqual(rig.child.bad, [])
})

test('rule 54: hop-by-hop fields stay on their hop', async () => {
  const request = await sees(
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'TE: gzip',
    'Upgrade: websocket',
    'Proxy-Authorization: Basic eDp5',
    'Trailer: X-T',
    'Proxy-Authenticate: Basic',
    'HTTP2-Settings: x',
  )
  lacks(
    request,
    'keep-alive',
    'proxy-connection',
    'te',
    'upgrade',
    'proxy-authorization',
    'trailer',
    'proxy-authenticate',
    'http2-settings',
  )
})

test('rule 54: TE keeps the trailers it asks for and nothing else', async () => {
  assert.deepEqual((await sees('TE: trailers')).all('te'), ['trailers'])
  assert.deepEqual((await sees('TE: gzip;q=0.5, trailers', 'Connection: TE')).all('te'), ['trailers'])
})

test('rule 55: what a client says of its origin is replaced by what is so', async () => {
  const names = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-Server',
    'X-Forwarded-Ssl',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Client-IP',
  ]
  const request = await sees(...names.flatMap((name) => [`${name}: spoof`, `${name.toLowerCase()}: spoof`]))
  assert.doesNotMatch(request.raw, /spoof/)
  assert.deepEqual(request.all('x-forwarded-for'), ['127.0.0.1'])
  assert.deepEqual(request.all('x-forwarded-proto'), ['http'])
  assert.deepEqual(request.all('x-forwarded-host'), ['h'])
  assert.match(request.all('x-forwarded-port').join(), /^\d+$/)
  assert.deepEqual(request.all('x-forwarded-prefix'), ['/api/app1'])
})

/** What the app sees of its origin: For, Proto, Host, Port. */
function toldOf(request: Seen): (string | undefined)[] {
  return ['for', 'proto', 'host', 'port'].map((part) => request.all(`x-forwarded-${part}`).join(' + '))
}

test('rule 55: what a trusted proxy says of its clients is passed on, its own address appended', async () => {
  await using rig = await startRig({ trustedProxies: ['192.0.2.1', '127.0.0.0/8', '10.0.0.0/8', 'fd00::/16'] })
  const peer = await rig.dial()
  const port = String(rig.gateway.port)
  for (const [fields, told, client] of [
    [['For: 203.0.113.9'], ['203.0.113.9, 127.0.0.1', 'http', 'h', port], '203.0.113.9'],
    // Each request of a proxy is somebody else's.
    [[], ['127.0.0.1', 'http', 'h', port], '127.0.0.1'],
    [
      ['For: 1.2.3.4, 203.0.113.9', 'For: 10.1.2.3 ,fd00::7', 'Proto: https', 'Host: public.test', 'Port: 8443'],
      ['1.2.3.4, 203.0.113.9, 10.1.2.3, fd00::7, 127.0.0.1', 'https', 'public.test', '8443'],
      '203.0.113.9',
    ],
    [['For: 10.0.0.1, 10.0.0.2'], ['10.0.0.1, 10.0.0.2, 127.0.0.1', 'http', 'h', port], '10.0.0.1'],
    [
      ['For: [2001:db8::1]:4711', 'Proto: HTTPS'],
      ['[2001:db8::1]:4711, 127.0.0.1', 'https', 'h', '443'],
      '2001:db8::1',
    ],
    [
      ['For: 203.0.113.9:80', 'Host: public.test:444'],
      ['203.0.113.9:80, 127.0.0.1', 'http', 'public.test:444', '444'],
      '203.0.113.9',
    ],
    // What is no address is nobody, and what is said twice or badly is not said.
    [
      ['For: 203.0.113.9, unknown, 10.0.0.9'],
      ['203.0.113.9, unknown, 10.0.0.9, 127.0.0.1', 'http', 'h', port],
      '10.0.0.9',
    ],
    [
      ['Proto: https', 'Proto: http', 'Host: a', 'Host: b', 'Port: 0x50'],
      ['127.0.0.1', 'http', 'h', port],
      '127.0.0.1',
    ],
    [['Proto: gopher', 'Host: a/b', 'Port: 1, 2'], ['127.0.0.1', 'http', 'h', port], '127.0.0.1'],
  ] as const) {
    const others = ['Forwarded: for=spoof', 'X-Real-IP: spoof', 'X-Forwarded-Prefix: /spoof', 'X-Original-URL: /spoof']
    peer.send(ask('GET /x', ...fields.map((field) => `X-Forwarded-${field}`), ...others))
    assert.equal((await peer.response()).status, 200)
    const request = rig.child.requests.at(-1)
    assert.ok(request)
    assert.deepEqual(toldOf(request), told, fields.join(' | '))
    assert.doesNotMatch(request.raw, /spoof/)
    const count = rig.child.requests.length
    await rig.child.until(() => rig.exchanges.length === count, 'the journal entry')
    assert.equal(rig.exchanges.at(-1)?.client, client, fields.join(' | '))
  }
})

test('rule 55: what anybody else says is not, whatever proxies are trusted', async () => {
  await using rig = await startRig({ trustedProxies: ['10.0.0.0/8', '127.0.0.2', '::1'] })
  await rig.say(ask('GET /x', 'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil'))
  assert.deepEqual(toldOf(await rig.child.request()), ['127.0.0.1', 'http', 'h', String(rig.gateway.port)])
  assert.equal((await rig.exchange(() => true)).client, '127.0.0.1')
})

test('rule 55: a host that we do not run is told the same', async () => {
  await using rig = await startRig({ trustedProxies: ['127.0.0.1'] })
  rig.routes([route('app1', 1, { target: { kind: 'remote', url: `http://127.0.0.1:${rig.child.port}` } })])
  const fields = ['For: 1.2.3.4, 203.0.113.9', 'Proto: https', 'Host: public.test', 'Port: 8443', 'Prefix: /spoof']
  await rig.say(ask('GET /x', ...fields.map((field) => `X-Forwarded-${field}`)))
  const request = await rig.child.request()
  assert.deepEqual(toldOf(request), ['1.2.3.4, 203.0.113.9, 127.0.0.1', 'https', 'public.test', '8443'])
  assert.doesNotMatch(request.raw, /spoof/)
})

test('rule 55: attempts are counted for the client that a trusted proxy names', async () => {
  await using rig = await startRig({ trustedProxies: ['127.0.0.1'] })
  const attempt = async (client: string): Promise<number> => {
    const lines = `Host: h\r\nX-Forwarded-For: ${client}\r\nContent-Length: 11\r\n\r\ntoken=wrong`
    return (await rig.say(`POST /-/login HTTP/1.1\r\n${lines}`)).status
  }
  let status = 401
  for (let time = 0; time < 20 && status === 401; time += 1) status = await attempt('203.0.113.9')
  assert.equal(status, 429)
  // What is in front of its address does not help, and nobody else is held up.
  assert.equal(await attempt('198.51.100.1, 203.0.113.9'), 429)
  assert.equal(await attempt('203.0.113.10'), 401)
})

test('rule 56: an identity is only what the gateway says, also when it says none', async () => {
  const spoofs = ['X-Auth-Subject', 'X-User', 'Remote-User', 'X-Remote-User', 'X-Auth-Scopes']
  const request = await sees(...spoofs.map((name) => `${name}: root`))
  assert.doesNotMatch(request.raw, /root/)
  assert.deepEqual(request.all('x-auth-subject'), ['all'])
  await using open = await startRig({ route: { auth: 'none' } })
  const lines = spoofs.map((name) => `${name}: root\r\n`).join('')
  assert.equal((await open.say(`GET /api/app1/x HTTP/1.1\r\nHost: h\r\n${lines}\r\n`)).status, 200)
  const anonymous = await open.child.request()
  lacks(anonymous, ...spoofs)
})

test('rule 57: the same names with underscores or dots are dropped or refused', async () => {
  await using rig = await startRig()
  for (const name of [
    'X_Forwarded_For',
    'Remote_User',
    'X.Forwarded.For',
    'X_Auth_Subject',
    'x-forwarded_for',
    'X_API_Token',
    'X_Real_IP',
    'X_Original_URL',
    'Content_Length',
    'X_User',
    'HTTP_HOST',
    'Ho_st',
  ].slice(0, 10)) {
    const reply = await rig.say(ask('GET /x', `${name}: spoof`))
    if (reply.status === 400) continue
    assert.equal(reply.status, 200, name)
    assert.doesNotMatch(rig.child.requests.at(-1)?.raw ?? 'spoof', /spoof/, name)
  }
})

test('rule 57: an ordinary name with an underscore does not become another', async () => {
  const request = await sees('X-My-Field: 1', 'X_My_Field: 2')
  assert.deepEqual(request.all('x-my-field'), ['1'])
})

test('rule 58: Proxy is dropped', async () => {
  lacks(await sees('Proxy: http://evil', 'proxy: x'), 'proxy')
})

test('rule 59: a credential given twice is refused', async () => {
  await refuses(ask('GET /x', 'X-API-Token: other'))
  await refuses(ask('GET /x', `X-API-Token: ${token}`))
  await refuses(ask('GET /x', 'Authorization: Bearer a', 'Authorization: Bearer b'))
  const bearer = `Authorization: Bearer ${token}\r\n`
  for (const two of [bearer + bearer, `${bearer}authorization: Bearer b\r\n`, `${bearer}Authorization: Basic eDp5\r\n`])
    await refuses(`GET /api/app1/x HTTP/1.1\r\nHost: h\r\n${two}\r\n`)
})

test('rule 59: any other single field given twice is refused or passed on whole', async () => {
  await using rig = await startRig()
  for (const name of ['Content-Type', 'User-Agent', 'Referer', 'If-Modified-Since', 'Origin', 'From']) {
    const reply = await rig.say(ask('GET /x', `${name}: a`, `${name}: b`))
    if (reply.status !== 400) assert.deepEqual(rig.child.requests.at(-1)?.all(name), ['a', 'b'], name)
  }
})

test('rule 60: repeated fields stay apart, in order, byte for byte, in both directions', async () => {
  const fields = [
    'X-A: 1',
    'X-B: caf\xe9',
    'x-a: 2',
    'Accept: q, r',
    '__proto__: p',
    'X-A: 3',
    'constructor: c',
    'Cookie: a=1',
    'Accept: s',
  ]
  const request = await sees(...fields)
  const own = request.raw.split('\r\n').filter((line) => fields.includes(line))
  assert.deepEqual(own, fields)
  const lines = ['Set-Cookie: a=1', 'X-B: caf\xe9', 'set-cookie: b=2', 'X-A: 1', 'X-a:', 'Vary: a', 'vary: b']
  await using rig = await startRig({
    script: () => `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`,
  })
  const { message } = await rig.say(ask('GET /x'))
  const seen = message.fields.map(([name, value]) => `${name}:${value === '' ? '' : ` ${value}`}`)
  assert.deepEqual(
    seen.filter((line) => lines.includes(line)),
    lines,
  )
})

test('rule 61: a response without Date gets one, a request gets Via', async () => {
  await using rig = await startRig()
  const reply = await rig.say(ask('GET /x', 'Via: 1.0 fred'))
  assert.equal(reply.all('date').length, 1)
  assert.ok(Math.abs(Date.parse(reply.field('date') ?? '') - Date.now()) < 5_000)
  const vias = (await rig.child.request()).all('via')
  assert.deepEqual([vias[0], /^1\.1 \S+/.test(vias.at(-1) ?? '')], ['1.0 fred', true])
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
  rig.child.script = () => `HTTP/1.1 200 OK\r\nDate: ${date}\r\nServer: own\r\nContent-Length: 0\r\n\r\n`
  const dated = await rig.say(ask('GET /x'))
  assert.deepEqual([dated.all('date'), dated.all('server')], [[date], ['own']])
})

test('rule 61: an answer of the gateway has a Date', async () => {
  await using rig = await startRig()
  assert.equal((await rig.say('GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')).all('date').length, 1)
  assert.equal((await rig.say('GET /api/app1/ HTTP/1.1\r\nHost: h\r\n\r\n')).all('date').length, 1)
})

test('rule 62: nothing is invented and nothing is decoded', async () => {
  const request = await sees()
  lacks(request, 'user-agent', 'accept-encoding', 'accept', 'content-type', 'cache-control')
  const encoded = await sees('Accept-Encoding: br', 'User-Agent: ', 'Accept: */*')
  assert.deepEqual([encoded.all('accept-encoding'), encoded.all('user-agent')], [['br'], ['']])
  const bytes = '\x1f\x8b\x08\x00junk'
  await using rig = await startRig({
    script: () => `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`,
  })
  const reply = await rig.say(ask('GET /x'))
  assert.deepEqual([reply.body, reply.field('content-encoding')], [bytes, 'gzip'])
})

const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('rule 63: a valid traceparent stays in its trace, with its tracestate', async () => {
  const request = await sees(`traceparent: ${trace}`, 'tracestate: a=1', 'tracestate: b=2')
  assert.equal(request.all('traceparent').length, 1)
  assert.equal(request.all('traceparent')[0]?.slice(3, 35), trace.slice(3, 35))
  assert.deepEqual(request.all('tracestate'), ['a=1', 'b=2'])
})

test('rule 63: an invalid traceparent begins a new trace without tracestate', async () => {
  const invalid = [
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    `${trace}-more`,
    trace.toUpperCase().replace('00-', '00-'),
    'junk',
    trace.slice(0, -1),
    `${trace}, ${trace}`,
  ]
  for (const value of invalid) {
    const request = await sees(`traceparent: ${value}`, 'tracestate: a=1')
    const [fresh = '', ...more] = request.all('traceparent')
    assert.deepEqual(more, [])
    assert.match(fresh, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/, value)
    assert.notEqual(fresh, value)
    lacks(request, 'tracestate')
  }
  const twice = await sees(`traceparent: ${trace}`, `traceparent: ${trace}`)
  assert.equal(twice.all('traceparent').length, 1)
  assert.notEqual(twice.all('traceparent')[0]?.slice(3, 35), trace.slice(3, 35))
})

test('rule 63: a request id is made here, told to both sides, and not taken from a client', async () => {
  await using rig = await startRig({ script: () => ok })
  const reply = await rig.say(ask('GET /x', 'X-Request-Id: from-outside'))
  const [id = '', ...more] = (await rig.child.request()).all('x-request-id')
  assert.deepEqual(more, [])
  assert.match(id, /^\S{8,}$/)
  assert.notEqual(id, 'from-outside')
  assert.deepEqual(reply.all('x-request-id'), [id])
  const refused = await rig.say(`GET /nothing HTTP/1.1\r\n${known}\r\n`)
  assert.equal(refused.all('x-request-id').length, 1)
  assert.notEqual(refused.field('x-request-id'), id)
})
