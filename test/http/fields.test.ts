import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  acceptedProtocol,
  acceptsTrailers,
  keepAliveSeconds,
  readExpectation,
  readMaxForwards,
} from '../../src/http/fields.ts'
import { Head } from '../../src/http/head.ts'
import { parseHead } from '../../src/http/parse-head.ts'
import { endOf, readWire, type ReadMessage, type Reading } from './wire.ts'

function read(fields: readonly string[], line = 'GET /x HTTP/1.1'): Reading {
  return readWire(`${[line, 'Host: h', ...fields].join('\r\n')}\r\n\r\n`)
}

/** The field lines of the request as the app gets it, behind Host. */
function passed(...fields: string[]): string[] {
  const [message] = read(fields).messages
  assert.ok(message)
  return linesOf(message).slice(1)
}

function linesOf(message: ReadMessage): string[] {
  return message.rebuilt.split('\r\n').slice(1, -2)
}

function headOf(lines: readonly string[]): Head {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const head = new Head()
  if (lines[0]?.startsWith('HTTP') === true) head.beginResponse(0)
  else head.beginRequest(0)
  assert.equal(parseHead(head, bytes, bytes.length), 'done')
  return head
}

test('rule 51: fields that Connection nominates are removed with it', () => {
  assert.deepEqual(passed('Connection: close, X-Foo', 'X-Foo: 1', 'X-Bar: 2'), ['X-Bar: 2'])
  assert.deepEqual(passed('X-Foo: 1', 'Connection: x-foo', 'connection: ,\tX-BAR ,', 'X-bar: 2', 'X-Baz: 3'), [
    'X-Baz: 3',
  ])
  assert.deepEqual(passed('Connection:', 'Connection: X-Foo', 'X-Foo: 1', 'X-Fo: 2', 'X-Fooo: 3'), [
    'X-Fo: 2',
    'X-Fooo: 3',
  ])
  assert.deepEqual(passed('Connection: cookie', 'Cookie: 1', 'Accept: a'), ['Accept: a'])
  assert.deepEqual(passed('Connection: x^y', 'X^Y: 1', 'X~Y: 2', 'x^y: 3'), ['X~Y: 2'])
})

test('rule 52: a credential that Connection nominates can still be read', () => {
  const head = headOf(['GET / HTTP/1.1', 'Host: h', 'Connection: X-API-Token, X-Forwarded-For', 'X-API-Token: t'])
  assert.equal(head.text(head.valueStart(head.find('x-api-token')), head.valueEnd(head.find('x-api-token'))), 't')
  assert.deepEqual(passed('Connection: X-Forwarded-For', 'X-Forwarded-For: 1'), [])
})

test('rule 53: Host and the framing fields cannot be nominated', () => {
  const reading = readWire(
    'POST / HTTP/1.1\r\nHost: h\r\nConnection: Host, Content-Length, Transfer-Encoding, upgrade\r\nContent-Length: 2\r\n\r\nhi',
  )
  assert.equal(reading.messages[0]?.rebuilt, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n')
  assert.equal(reading.messages[0].body, 'hi')
})

test('rule 54: hop-by-hop fields are removed, only TE: trailers is said anew', () => {
  const hop = [
    'Keep-Alive: timeout=5',
    'Proxy-Connection: x',
    'TE: gzip',
    'Upgrade: x',
    'Proxy-Authorization: x',
    'Trailer: x',
    'HTTP2-Settings: x',
    'Proxy-Authenticate: x',
  ]
  assert.deepEqual(passed(...hop), [])
  assert.deepEqual(passed('TE: gzip;q=1, Trailers'), ['TE: trailers', 'Connection: TE'])
  assert.equal(acceptsTrailers(headOf(['GET / HTTP/1.1', 'TE: x'])), false)
  assert.equal(acceptsTrailers(headOf(['GET / HTTP/1.1', 'TE: x', 'TE: trailers'])), true)
})

test('rule 55: forwarding fields of the client do not reach the app', () => {
  const spoofed = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'x-forwarded-host',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-Server',
    'X-FORWARDED-SSL',
    'X-Forwarded-Anything-Else',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'True-Client-IP',
  ]
  assert.deepEqual(passed(...spoofed.map((name) => `${name}: evil`), 'X-Forwarde: stays'), ['X-Forwarde: stays'])
})

test('rule 56: identity fields of the client do not reach the app', () => {
  const spoofed = ['X-Auth-Subject', 'x-auth-scopes', 'Remote-User', 'X-Remote-User', 'X-User', 'X-Forwarded-User']
  assert.deepEqual(passed(...spoofed.map((name) => `${name}: root`)), [])
})

test('rule 57: spellings that an app could confuse with a guarded name do not reach it', () => {
  const aliases = [
    'X_Forwarded_For',
    'Remote_User',
    'X.Forwarded.For',
    'x-forwarded_for',
    'X_Auth-Subject',
    'X~API~Token',
    'Content_Length',
    'X_Forwarded_Whatever',
  ]
  const sent = aliases.map((name) => `${name}: evil`)
  assert.deepEqual(passed(...sent, 'api_key: stays', 'X_Y: stays'), ['api_key: stays', 'X_Y: stays'])
})

test('rule 58: Proxy does not reach the app', () => {
  assert.deepEqual(passed('Proxy: http://evil', 'proxy: http://evil'), [])
})

test('rule 59: two fields where one is allowed are refused, never silently the first', () => {
  for (const name of ['Content-Type', 'Content-Range', 'Expect', 'Max-Forwards']) {
    const reading = read([`${name}: a`, 'X: y', `${name.toLowerCase()}: b`])
    assert.equal(endOf(reading), 'field-repeated')
    assert.ok(typeof reading.end === 'object')
    assert.match(reading.end.detail, new RegExp(name))
  }
  assert.deepEqual(passed('Cookie: a', 'Cookie: b', 'Accept: c', 'Accept: d'), [
    'Cookie: a',
    'Cookie: b',
    'Accept: c',
    'Accept: d',
  ])
})

test('rule 62: nothing is invented: no User-Agent, no Accept-Encoding', () => {
  assert.deepEqual(passed('Accept-Encoding: br'), ['Accept-Encoding: br'])
  assert.deepEqual(passed(), [])
})

test('a Connection field that is no list of tokens, or a very long one, is refused', () => {
  assert.equal(endOf(read(['Connection: a b'])), 'bad-connection-field')
  assert.equal(endOf(read(['Connection: "close"'])), 'bad-connection-field')
  assert.equal(endOf(read([`Connection: ${'a,'.repeat(65)}`])), 'bad-connection-field')
  assert.equal(endOf(read([`Connection: ${','.repeat(65)}`])), 'bad-connection-field')
  assert.equal(endOf(read([`Connection: ${'a,'.repeat(64)}`])), 'between')
})

test('a connection persists by default in HTTP/1.1 and by request in HTTP/1.0', () => {
  const persists = (line: string, ...fields: string[]) => read(fields, line).messages[0]?.persists
  assert.equal(persists('GET / HTTP/1.1'), true)
  assert.equal(persists('GET / HTTP/1.1', 'Connection: Close'), false)
  assert.equal(persists('GET / HTTP/1.1', 'Connection: keep-alive', 'Connection: x, close'), false)
  assert.equal(persists('GET / HTTP/1.0'), false)
  assert.equal(persists('GET / HTTP/1.0', 'Connection: Keep-Alive'), true)
  assert.equal(persists('GET / HTTP/1.0', 'Connection: Keep-Alive, close'), false)
})

test('rule 80: hop-by-hop and nominated fields of a response are removed', () => {
  const lines = [
    'HTTP/1.1 204 X',
    'Connection: close, X-Hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: x',
    'Upgrade: h2c',
    'X-End: 2',
    'Set-Cookie: a',
    'Set-Cookie: b',
  ]
  const [message] = readWire(`${lines.join('\r\n')}\r\n\r\n`, { side: 'response' }).messages
  assert.ok(message)
  assert.deepEqual(linesOf(message), ['X-End: 2', 'Set-Cookie: a', 'Set-Cookie: b'])
})

test('rule 81: Trailer beside Content-Length is harmless', () => {
  const [message] = readWire('HTTP/1.1 200 X\r\nTrailer: X-T\r\nContent-Length: 2\r\n\r\nhi', {
    side: 'response',
  }).messages
  assert.equal(message?.rebuilt, 'HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n')
  assert.equal(message.body, 'hi')
})

test('rule 87: Expect is understood in HTTP/1.1, ignored in HTTP/1.0, and refused when unknown', () => {
  const expect = (line: string, ...fields: string[]) => readExpectation(headOf([line, ...fields]))
  assert.equal(expect('POST / HTTP/1.1', 'Expect: 100-Continue'), 'continue')
  assert.equal(expect('POST / HTTP/1.0', 'Expect: 100-continue'), 'none')
  assert.equal(expect('POST / HTTP/1.1'), 'none')
  const refusal = expect('POST / HTTP/1.1', 'Expect: tea')
  assert.ok(typeof refusal === 'object' && refusal.status === 417)
})

test('rule 24: Max-Forwards is a decimal number', () => {
  const hops = (...fields: string[]) => readMaxForwards(headOf(['OPTIONS / HTTP/1.1', ...fields]))
  assert.equal(hops(), -1)
  assert.equal(hops('Max-Forwards: 0'), 0)
  assert.equal(hops('Max-Forwards: 10'), 10)
  assert.ok(typeof hops('Max-Forwards: -1') === 'object')
})

test('rule 96: a 101 must change to exactly one of the protocols offered', () => {
  const accepted = (offered: string, ...fields: string[]) =>
    acceptedProtocol(headOf(['HTTP/1.1 101 X', ...fields]), offered)
  assert.equal(accepted('websocket', 'Upgrade: WebSocket'), 'websocket')
  assert.equal(accepted('foo, websocket', 'Upgrade: websocket'), 'websocket')
  assert.equal(accepted('websocket', 'Upgrade: foo'), '')
  assert.equal(accepted('websocket'), '')
  assert.equal(accepted('websocket', 'Upgrade: websocket, foo'), '')
  assert.equal(accepted('', 'Upgrade: websocket'), '')
  assert.equal(accepted(''), '')
})

test('rule 97: HTTP/2 and TLS are never offered on', () => {
  const offer = (...fields: string[]) => read(fields).messages[0]?.upgrade
  assert.equal(offer('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: x'), '')
  assert.equal(offer('Connection: Upgrade', 'Upgrade: H2C, websocket'), 'websocket')
  assert.equal(offer('Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c'), 'websocket')
  assert.equal(offer('Connection: Upgrade', 'Upgrade: TLS/1.0, HTTP/2.0, h2'), '')
  assert.equal(offer('Connection: Upgrade', 'Upgrade: h2cx, foo/2'), 'h2cx, foo/2')
  assert.equal(offer('Connection: Upgrade', 'Upgrade: we b, "x", websocket'), 'websocket')
})

test('rule 98: an Upgrade without its Connection option, or in HTTP/1.0, is ignored', () => {
  assert.equal(read(['Upgrade: websocket']).messages[0]?.upgrade, '')
  const old = read(['Connection: Upgrade', 'Upgrade: websocket'], 'GET / HTTP/1.0').messages[0]
  assert.equal(old?.upgrade, '')
  assert.doesNotMatch(old.rebuilt, /upgrade/i)
})

test('rule 116: the idle time of a child is learnt from Keep-Alive', () => {
  const seconds = (...fields: string[]) => keepAliveSeconds(headOf(['HTTP/1.1 200 X', ...fields]))
  assert.equal(seconds('Keep-Alive: timeout=5'), 5)
  assert.equal(seconds('Keep-Alive: max=3, Timeout = 72'), 72)
  assert.equal(seconds('Keep-Alive: timeout=x'), -1)
  assert.equal(seconds(), -1)
})
