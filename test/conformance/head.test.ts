import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ask, hidden, known, refuses, refusesAll, startRig } from './kit.ts'

/** Section 1: the request head. */

const line = 'GET /api/app1/x HTTP/1.1\r\n'
/** A good request but for these bytes behind its first line. */
const withLines = (lines: string): string => `${line}${known}${lines}\r\n`
const post = (lines: string, body: string): string => `POST /api/app1/x HTTP/1.1\r\n${known}${lines}\r\n${body}`

test('rule 1: a line ended by LF alone is refused, wherever it is', async () => {
  const good = ask('GET /x', 'X-A: 1')
  const ends = [...good.matchAll(/\r\n/g)].map(({ index }) => index)
  await refuses(good.replaceAll('\r\n', '\n'))
  for (const at of ends) await refuses(`${good.slice(0, at)}\n${good.slice(at + 2)}`)
})

test('rule 2: a bare CR in a value or in a name is refused', async () => {
  await refusesAll(
    ['X-A: a\rb', 'X-A: a\rX-B: c', 'X-A: a\r', 'X-A: \r\r', 'X\r-A: a'].map((it) => withLines(`${it}\r\n`)),
  )
  await refuses(`GET /api/app1/x HTTP/1.1\r${known}\r\n`)
})

test('rule 3: a NUL in a value is refused', async () => {
  await refusesAll(['X-A: a\0b', 'X-A: \0', 'X-A: a\0'].map((it) => withLines(`${it}\r\n`)))
})

test('rule 4: every other control byte in a value is refused', async () => {
  const controls = [...Array(32).keys(), 0x7f].filter((byte) => ![0, 9, 10, 13].includes(byte))
  await refusesAll(controls.map((byte) => withLines(`X-A: a${String.fromCharCode(byte)}b\r\n`)))
})

test('rule 4: HTAB and every byte above 0x7f in a value are passed on', async () => {
  await using rig = await startRig()
  const high = String.fromCharCode(...Array.from({ length: 128 }, (_, index) => 128 + index))
  assert.equal((await rig.say(ask('GET /x', `X-A: a\tb${high}c`))).status, 200)
  assert.deepEqual((await rig.child.request()).all('x-a'), [`a\tb${high}c`])
})

test('rule 5: white space before a colon is refused', async () => {
  const names = ['X-A ', 'X-A\t', 'Content-Length ', 'Transfer-Encoding\t', 'Host ']
  await refusesAll(names.map((name) => post(`${name}: 5\r\n`, 'hello')))
})

test('rule 6: a folded line is refused, also right behind the request line', async () => {
  await refusesAll(['X-A: a\r\n b\r\n', 'X-A: a\r\n\tb\r\n', 'X-A:\r\n b\r\n', 'X-A: a\r\n \r\n'].map(withLines))
  await refusesAll([`${line} X-A: b\r\n${known}\r\n`, `${line}\tHost: h\r\n${known}\r\n`])
})

test('rule 7: a line without colon, without name or with a name that is no token is refused', async () => {
  const lines = [
    'FooBar',
    ': v',
    ':',
    'X A: v',
    'X(A): v',
    'X-\xff: v',
    'X"A: v',
    'X/A: v',
    'X\0A: v',
    '{A}: v',
    'X\x7f: v',
  ]
  await refusesAll(lines.map((it) => withLines(`${it}\r\n`)))
})

test('rule 8: HTTP/1.1 without Host is refused', async () => {
  await refusesAll(['', 'X-Host: h\r\n'].map((more) => `${line}X-API-Token: t\r\n${more}\r\n`))
})

test('rule 9: two Host fields are refused, equal or not', async () => {
  await refusesAll(['Host: h\r\n', 'Host: other\r\n', 'hOST: h\r\n'].map(withLines))
})

test('rule 10: a Host that is no host with an optional port is refused', async () => {
  const hosts = [
    'a b',
    'u@h',
    'h/x',
    'h, evil',
    '',
    'h:',
    'h:port',
    'h:99999',
    '[::1',
    'h#x',
    'h?x',
    'h\\x',
    'caf\xe9',
    'h:80:80',
  ]
  // An empty port is legal (RFC 3986 §3.2.3).
  await refusesAll(hosts.filter((it) => it !== 'h:').map((host) => `${line}Host: ${host}\r\nX-A: 1\r\n\r\n`))
})

test('rule 11: absolute-form is accepted, routed by its URI and sent on in origin-form', async () => {
  await using rig = await startRig()
  for (const [target, seen] of [
    ['http://h/api/app1/x?q=1', '/x?q=1'],
    ['HTTP://h/api/app1/y', '/y'],
    ['http://app1.localhost/z', '/z'],
    ['http://app1.localhost', '/'],
    ['http://app1.localhost?q', '/?q'],
  ] as const) {
    const host = target.includes('app1.localhost') ? 'app1.localhost' : 'h'
    const fields = known.replace('Host: h', `Host: ${host}`)
    assert.equal((await rig.say(`GET ${target} HTTP/1.1\r\n${fields}\r\n`)).status, 200, target)
    assert.equal(rig.child.requests.at(-1)?.target, seen)
    assert.deepEqual(rig.child.requests.at(-1)?.all('host'), [host])
  }
})

test('rule 12: the authority of the target replaces Host everywhere, or the request is refused', async () => {
  await using rig = await startRig()
  const reply = await rig.say(`GET http://app1.localhost/x HTTP/1.1\r\n${known}\r\n`)
  if (reply.status === 400) return assert.equal(rig.child.requests.length, 0)
  const request = await rig.child.request()
  assert.deepEqual([request.target, request.all('host')], ['/x', ['app1.localhost']])
  assert.deepEqual(request.all('x-forwarded-host'), ['app1.localhost'])
  // The other way round: what Host alone would route to is not reached.
  const evil = await rig.say(`GET http://evil/x HTTP/1.1\r\n${known.replace('Host: h', 'Host: app1.localhost')}\r\n`)
  assert.equal(evil.status, 404)
  assert.equal(rig.child.requests.length, 1)
})

test('rule 13: user information and other schemes in the target are refused', async () => {
  const targets = [
    'http://u:p@h/api/app1/x',
    'http://u@h/api/app1/x',
    'http://@h/api/app1/x',
    'file:///etc/passwd',
    'ftp://h/x',
    'javascript:1',
    'ws://h/api/app1/x',
  ]
  await refusesAll(targets.map((target) => `GET ${target} HTTP/1.1\r\n${known}\r\n`))
  await refuses(`GET https://h/api/app1/x HTTP/1.1\r\n${known}\r\n`, [400, 421])
})

test('rule 14: OPTIONS * is answered by the gateway, and * is for nothing else', async () => {
  await using rig = await startRig({ route: { path: '/' } })
  const reply = await rig.say(`OPTIONS * HTTP/1.1\r\n${known}\r\n`)
  assert.ok([200, 204].includes(reply.status))
  assert.match(reply.field('allow') ?? '', /GET/)
  assert.equal(rig.child.peers.length, 0)
  await refusesAll(['GET *', 'POST *', 'HEAD *'].map((it) => `${it} HTTP/1.1\r\n${known}\r\n`))
})

test('rule 15: CONNECT gets a real answer and no connection', async () => {
  await using rig = await startRig()
  for (const target of ['h:443', '/api/app1/x', 'http://h/api/app1/x']) {
    const peer = await rig.dial()
    peer.send(`CONNECT ${target} HTTP/1.1\r\n${known}\r\n${hidden}`)
    const reply = await peer.response()
    assert.ok([400, 405, 501].includes(reply.status), `${target}: ${reply.status}`)
    await peer.untilEnded()
    assert.equal(peer.rest(), '')
  }
  assert.equal(rig.child.peers.length, 0)
})

test('rule 16: a target without a slash in front is refused', async () => {
  const targets = ['api/app1/x', 'h:80', 'h', '?q', '.', '../api/app1/x', '%2fapi/app1/x', '**']
  await refusesAll(targets.map((target) => `GET ${target} HTTP/1.1\r\n${known}\r\n`))
})

test('rule 17: a version other than exactly HTTP/1.0 or HTTP/1.1 is refused', async () => {
  const versions = [
    'HTTP/2.0',
    'HTTP/1.10',
    'http/1.1',
    'HTTP/1.1 ',
    'HTTP/1.',
    'HTTP/1',
    'HTTP/01.1',
    'HTTP/0.9',
    'HTTP/1,1',
    'HTTPS/1.1',
    'ICE/1.0',
    'HTTP/1.1\t',
    'HTTP /1.1',
    'HTTP/9.9',
    '',
  ]
  for (const version of versions) await refuses(`GET /api/app1/x ${version}\r\n${known}\r\n`, [400, 505])
  await refuses('GET /api/app1/x\r\n', [400, 505])
})

test('rule 17: HTTP/1.0 is served without Host and without keep-alive', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  peer.send(`GET /api/app1/x HTTP/1.0\r\nX-API-Token: ${known.split(': ')[2]}\r\n${hidden}`)
  assert.equal((await peer.response()).status, 200)
  await peer.untilEnded()
  assert.equal(peer.rest(), '')
  assert.equal(rig.child.requests.length, 1)
})

test('rule 18: a method that is no token is refused', async () => {
  const methods = ['GE\tT', 'G(T', 'G\0T', '"GET"', 'GET,', 'G@T', 'GET/', '{GET}', 'G\xffT', '']
  await refusesAll(methods.map((method) => `${method} /api/app1/x HTTP/1.1\r\n${known}\r\n`))
})

test('rule 18: a method nobody knows is passed on as it is', async () => {
  await using rig = await startRig()
  const methods = ['FOO', 'PROPFIND', 'get', 'Post', 'QUERY', 'M-SEARCH', "!#$%&'*+-.^_`|~9", 'BASELINE-CONTROL']
  for (const method of methods) {
    const peer = await rig.dial()
    peer.send(ask(`${method} /x`, 'Content-Length: 3') + 'abc')
    assert.equal((await peer.response(method)).status, 200, method)
    assert.deepEqual([rig.child.requests.at(-1)?.method, rig.child.requests.at(-1)?.body], [method, 'abc'])
  }
})

test('rule 19: a request line with other white space than two single spaces is refused', async () => {
  const lines = [
    'GET  /api/app1/x HTTP/1.1',
    'GET\t/api/app1/x HTTP/1.1',
    'GET /api/app1/x\tHTTP/1.1',
    'GET /api/app1/x  HTTP/1.1',
    'GET /api/app1/x\x0bHTTP/1.1',
    'GET /api/app1/a b HTTP/1.1',
    'GET /api/app1/a\x0cb HTTP/1.1',
    ' GET /api/app1/x HTTP/1.1',
    'GET /api/app1/x HTTP/1.1 HTTP/1.1',
  ]
  for (const it of lines) await refuses(`${it}\r\n${known}\r\n`, [400, 505])
})

test('rule 20: control bytes, 8-bit bytes and a fragment in the target are refused', async () => {
  const bytes = ['\0', '\x07', '\x1b', '\x7f', '\x80', '\xe9', '\xff', '#frag', '#', '#/../../app2/x']
  const targets = bytes.flatMap((it) => [`/api/app1/x${it}`, `/api/app1/x?q=${it}`, `http://h/api/app1/${it}`])
  await refusesAll(targets.map((target) => `GET ${target} HTTP/1.1\r\n${known}\r\n`))
})

test('rule 20: printable bytes that ought to be encoded are refused or passed on as they are', async () => {
  await using rig = await startRig()
  for (const sign of '{}|^"<>`[]') {
    const reply = await rig.say(ask(`GET /a${sign}b?c${sign}d`))
    if (reply.status !== 400) assert.equal(rig.child.requests.at(-1)?.target, `/a${sign}b?c${sign}d`)
  }
})

test('rule 21: a target that is too long is a 414, and one of 8000 bytes is not', async () => {
  await refuses(ask(`GET /${'x'.repeat(70_000)}`), [414])
  await refuses(ask(`GET /x?${'x'.repeat(200_000)}`), [414])
  await using rig = await startRig()
  const target = `/${'x'.repeat(7_990)}`
  assert.equal((await rig.say(ask(`GET ${target}`))).status, 200)
  assert.equal((await rig.child.request()).target, target)
})

test('rule 22: a field that is too large or too many fields are a 431', async () => {
  await refuses(ask('GET /x', `X-A: ${'a'.repeat(100_000)}`), [431])
  await refuses(ask('GET /x', ...Array.from({ length: 3_000 }, (_, index) => `X-${index}: 1`)), [431])
  await refuses(ask('GET /x', `${'X'.repeat(100_000)}: a`), [431])
  await refuses(ask('GET /x', ...Array.from({ length: 80 }, () => `X-A: ${'a'.repeat(1_000)}`)), [431])
})

test('rule 22: a hundred ordinary fields and one of 4 kB are taken', async () => {
  await using rig = await startRig()
  const fields = Array.from({ length: 90 }, (_, index) => `X-${index}: value`)
  assert.equal((await rig.say(ask('GET /x', ...fields, `Cookie: ${'a'.repeat(4_000)}`))).status, 200)
  assert.equal((await rig.child.request()).names.filter((name) => /^x-\d/.test(name)).length, 90)
})

test('rule 23: TRACE is never reflected to an app', async () => {
  await refuses(ask('TRACE /x', 'Max-Forwards: 0', 'Cookie: a=1'), [405])
  await refuses(ask('TRACE /x'), [405])
})

test('rule 24: OPTIONS with Max-Forwards 0 is answered here, with more it is counted down', async () => {
  await using rig = await startRig()
  const here = await rig.say(ask('OPTIONS /x', 'Max-Forwards: 0'))
  assert.ok([200, 204].includes(here.status))
  assert.equal(rig.child.peers.length, 0)
  for (const [given, left] of [
    ['1', '0'],
    ['5', '4'],
    ['010', '9'],
  ] as const) {
    assert.equal((await rig.say(ask('OPTIONS /x', `Max-Forwards: ${given}`))).status, 200)
    assert.deepEqual(rig.child.requests.at(-1)?.all('max-forwards'), [left])
  }
})

test('rule 25: a few empty lines before a request are ignored, many are not', async () => {
  await using rig = await startRig()
  for (const lines of ['\r\n', '\r\n\r\n']) assert.equal((await rig.say(lines + ask('GET /x'))).status, 200)
  const peer = await rig.dial()
  peer.send(`${ask('POST /x', 'Content-Length: 3')}abc\r\n${ask('GET /y')}`)
  assert.equal((await peer.response()).status, 200)
  assert.equal((await peer.response()).status, 200)
  await refuses('\r\n'.repeat(50_000))
})

test('rule 26: the preface of HTTP/2 and TLS on this port are refused', async () => {
  await refuses('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505])
  await refuses('\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03')
  await refuses('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n')
})
