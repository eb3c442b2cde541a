import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endOf, readWire } from './wire.ts'

function ask(line: string, ...fields: string[]) {
  return readWire(`${line}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`)
}

test('rule 8: HTTP/1.1 without Host is refused, HTTP/1.0 is not', () => {
  assert.equal(endOf(ask('GET / HTTP/1.1')), 'host-missing')
  assert.equal(endOf(ask('GET http://h/ HTTP/1.1')), 'host-missing')
  assert.equal(endOf(ask('GET / HTTP/1.0')), 'between')
  assert.equal(ask('GET / HTTP/1.0').messages[0]?.host, '')
})

test('rule 9: two Host fields are refused, equal or not', () => {
  assert.equal(endOf(ask('GET / HTTP/1.1', 'Host: h', 'Host: h')), 'host-repeated')
  assert.equal(endOf(ask('GET / HTTP/1.1', 'Host: h', 'X: y', 'hOST: i')), 'host-repeated')
})

test('rule 10: a Host that is no authority is refused', () => {
  const bad = [
    'a b',
    'u@h',
    'h/x',
    'h, evil',
    'h,evil',
    '',
    'h:x',
    'h:99999',
    'h:123456',
    'h:1:2',
    ':80',
    '[::1',
    '[::1]x',
    '[1]',
    '[::x',
    '[',
    '[::1]80',
    '[g::]',
    'h?',
    'h#',
    '%68',
    'h\\x',
    '\xe9',
  ]
  for (const host of bad) assert.equal(endOf(ask('GET / HTTP/1.1', `Host: ${host}`)), 'host-invalid', host)
  const good = {
    h: 'h',
    'H.Example.': 'h.example',
    'h:': 'h',
    'h:8080': 'h',
    '127.0.0.1:1': '127.0.0.1',
    '[::1]': '[::1]',
    '[::FFFF:1.2.3.4]:65535': '[::ffff:1.2.3.4]',
    a_b: 'a_b',
    'h.:80': 'h',
  }
  for (const [host, expected] of Object.entries(good)) {
    assert.equal(ask('GET / HTTP/1.1', `Host: ${host}`).messages[0]?.host, expected)
  }
})

test('rule 11: an absolute target is taken and goes on in origin-form', () => {
  const cases = {
    'http://h/api/app1/x': '/api/app1/x',
    'HTTP://h/a?b': '/a?b',
    'http://h': '/',
    'http://h?q=1': '/?q=1',
    'http://h:80/': '/',
  }
  for (const [target, path] of Object.entries(cases)) {
    const [message] = ask(`GET ${target} HTTP/1.1`, 'Host: h').messages
    assert.equal(message?.start, `GET ${path}`)
    assert.equal(message.host, 'h')
    assert.match(message.rebuilt, new RegExp(`^GET ${path.replaceAll('?', '\\?')} HTTP/1.1\r\nHost: h(:80)?\r\n\r\n$`))
  }
})

test('rule 12: the authority of an absolute target replaces the Host field', () => {
  const [message] = ask('GET http://evil:81/api/app1/x HTTP/1.1', 'Host: h').messages
  assert.equal(message?.host, 'evil')
  assert.equal(message.rebuilt, 'GET /api/app1/x HTTP/1.1\r\nHost: evil:81\r\n\r\n')
  assert.equal(endOf(ask('GET http://h/ HTTP/1.1', 'Host: a b')), 'host-invalid', 'a bad Host stays bad')
})

test('rule 13: userinfo and foreign schemes in the target are refused', () => {
  assert.equal(endOf(ask('GET http://u:p@h/ HTTP/1.1', 'Host: h')), 'target-userinfo')
  assert.equal(endOf(ask('GET http://h@ HTTP/1.1', 'Host: h')), 'target-userinfo')
  assert.equal(endOf(ask('GET https://h/ HTTP/1.1', 'Host: h')), 'misdirected-scheme')
  assert.equal(endOf(ask('GET file:///etc HTTP/1.1', 'Host: h')), 'bad-target-scheme')
  assert.equal(endOf(ask('GET ws://h/ HTTP/1.1', 'Host: h')), 'bad-target-scheme')
  assert.equal(endOf(ask('GET http:///x HTTP/1.1', 'Host: h')), 'host-invalid')
  assert.equal(endOf(ask('GET http://a,b/x HTTP/1.1', 'Host: h')), 'host-invalid')
})

test('rule 14: "*" is for OPTIONS alone', () => {
  assert.equal(ask('OPTIONS * HTTP/1.1', 'Host: h').messages[0]?.start, 'OPTIONS *')
  assert.equal(ask('OPTIONS http://h HTTP/1.1', 'Host: h').messages[0]?.start, 'OPTIONS *')
  assert.equal(ask('OPTIONS http://h/ HTTP/1.1', 'Host: h').messages[0]?.start, 'OPTIONS /')
  assert.equal(endOf(ask('GET * HTTP/1.1', 'Host: h')), 'bad-target-form')
  assert.equal(endOf(ask('OPTIONS *x HTTP/1.1', 'Host: h')), 'bad-target-form')
})

test('rule 15: CONNECT is refused in every form', () => {
  for (const target of ['h:443', '/api/app1/x', 'http://h/']) {
    const { end } = ask(`CONNECT ${target} HTTP/1.1`, 'Host: h')
    assert.ok(typeof end === 'object' && end.status === 405 && end.code === 'connect-refused')
  }
})

test('rule 16: a target without a leading slash is refused', () => {
  for (const target of ['api/app1/x', 'h:80', 'http:/h', 'http:h', 'http:x/h', '?q', ':', '%2f', 'http:/']) {
    assert.equal(endOf(ask(`GET ${target} HTTP/1.1`, 'Host: h')), 'bad-target-form', target)
  }
})

test('rule 23: TRACE is refused', () => {
  const { end } = ask('TRACE / HTTP/1.1', 'Host: h', 'Max-Forwards: 0')
  assert.ok(typeof end === 'object' && end.status === 405 && end.code === 'trace-refused')
})
