import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_HEAD_LIMITS } from '../../src/http/head.ts'
import { endOf, readWire } from './wire.ts'

const LINE = 'GET /api/app1/x HTTP/1.1\r\n'

/** The outcome of one request with these field lines after Host. */
function withFields(lines: string): string {
  return endOf(readWire(`${LINE}Host: h\r\n${lines}\r\n\r\n`))
}

function withLine(line: string): string {
  return endOf(readWire(`${line}\r\nHost: h\r\n\r\n`))
}

test('rule 1: a bare LF as a line end is refused, in the whole head or in one line', () => {
  assert.equal(endOf(readWire('GET /api/app1/x HTTP/1.1\nHost: h\n\n')), 'bare-lf')
  assert.equal(endOf(readWire(`${LINE}Host: h\nX-A: b\r\n\r\n`)), 'bare-lf')
  assert.equal(endOf(readWire(`${LINE}Host: h\r\n\n`)), 'bare-lf')
  assert.equal(endOf(readWire(`\n${LINE}Host: h\r\n\r\n`)), 'bare-lf')
  assert.equal(endOf(readWire('GET /x\nHost: h\r\n\r\n')), 'bare-lf')
  assert.equal(withFields('X-A\nX-B: c'), 'bare-lf')
})

test('rule 2: a bare CR inside a value is refused', () => {
  assert.equal(withFields('X-A: a\rb'), 'bare-cr')
  assert.equal(withFields('X-A: a\rX-B: c'), 'bare-cr')
  assert.equal(withFields('X-A: a\r\rX-B: c'), 'bare-cr')
  assert.equal(endOf(readWire(`${LINE}Host: h\r\n\rX`)), 'bare-cr')
  assert.equal(endOf(readWire('GET / HTTP/1.1\rHost: h\r\n\r\n')), 'bare-cr')
})

test('rule 3: a NUL in a value is refused', () => {
  assert.equal(withFields('X-A: a\0b'), 'bad-field-value')
})

test('rule 4: every other control byte in a value is refused; HTAB and obs-text are legal', () => {
  for (let byte = 0; byte < 256; byte++) {
    const isControl = (byte < 0x20 && byte !== 0x09) || byte === 0x7f
    if (byte === 0x0a || byte === 0x0d) continue
    assert.equal(
      withFields(`X-A: a${String.fromCharCode(byte)}b`),
      isControl ? 'bad-field-value' : 'between',
      `${byte}`,
    )
  }
})

test('rule 5: white space between name and colon is refused', () => {
  for (const line of ['X-A : b', 'Content-Length : 5', 'Transfer-Encoding\t: chunked']) {
    assert.equal(withFields(line), 'space-before-colon')
  }
})

test('rule 6: a folded line is refused, after a field and right after the request line', () => {
  assert.equal(withFields('X-A: a\r\n b'), 'folded-line')
  assert.equal(withFields('X-A: a\r\n\tb'), 'folded-line')
  assert.equal(endOf(readWire(`${LINE} X-A: a\r\nHost: h\r\n\r\n`)), 'folded-line')
})

test('rule 7: a field line without colon, with an empty name or with a name that is no token is refused', () => {
  for (const line of ['FooBar', ': v', 'X(A): v', 'X-\xff: v', 'X\0A: v', '"X": v', 'X/A: v', 'X@A: v']) {
    assert.equal(withFields(line), 'bad-field-name', line)
  }
  assert.equal(withFields('X A: v'), 'space-before-colon')
})

test('rule 17: only HTTP/1.x is taken, spelt exactly so', () => {
  assert.equal(withLine('GET / HTTP/2.0'), 'version-not-supported')
  assert.equal(withLine('GET / HTTP/0.9'), 'version-not-supported')
  for (const version of [
    'HTTP/1.10',
    'http/1.1',
    'HTTP/1.1 ',
    'HTTP/1',
    'HTTP/1.',
    'HTTP/1,1',
    'HTTP1.1',
    'HTTP/ 1.1',
    'XTTP/1.1',
  ]) {
    assert.equal(withLine(`GET / ${version}`), 'bad-version', version)
  }
  assert.equal(withLine('GET /'), 'bad-version')
  assert.equal(withLine('GET / HTTP/1.2'), 'between', 'a later minor version is read as 1.1 (RFC 9110 §2.5)')
  assert.equal(withLine('GET / HTTP/1.0'), 'between')
})

test('rule 18: a method that is no token is refused, an unknown token is taken as it is', () => {
  for (const line of ['GE\tT / HTTP/1.1', 'G(T / HTTP/1.1', ' GET / HTTP/1.1', `${'M'.repeat(33)} / HTTP/1.1`]) {
    assert.equal(withLine(line), 'bad-method', line)
  }
  for (const method of ['FOO', 'get', 'PROPFIND', "!#$%&'*+-.^_`|~", 'M'.repeat(32)]) {
    const [message] = readWire(`${method} /a HTTP/1.1\r\nHost: h\r\n\r\n`).messages
    assert.equal(message?.start, `${method} /a`)
    assert.ok(message.rebuilt.startsWith(`${method} /a HTTP/1.1\r\n`))
  }
})

test('rule 19: the parts of the request line are separated by exactly one space', () => {
  assert.equal(withLine('GET  / HTTP/1.1'), 'bad-target')
  assert.equal(withLine('GET /  HTTP/1.1'), 'bad-version')
  assert.equal(withLine('GET /a b HTTP/1.1'), 'bad-version')
  assert.equal(withLine('GET\t/ HTTP/1.1'), 'bad-method')
  assert.equal(withLine('GET /\tHTTP/1.1'), 'bad-target')
  assert.equal(withLine('GET /\x0bHTTP/1.1'), 'bad-target')
})

test('rule 20: controls, 8-bit bytes and a fragment in the target are refused, other bytes pass unchanged', () => {
  for (let byte = 0; byte < 256; byte++) {
    const isBad = byte < 0x21 || byte > 0x7e || byte === 0x23
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d) continue
    assert.equal(withLine(`GET /a${String.fromCharCode(byte)}b HTTP/1.1`), isBad ? 'bad-target' : 'between', `${byte}`)
  }
})

test('rule 21: a target of 8000 bytes is taken, an oversized one is 414', () => {
  assert.equal(withLine(`GET /${'a'.repeat(7999)} HTTP/1.1`), 'between')
  assert.equal(withLine(`GET /${'a'.repeat(8191)} HTTP/1.1`), 'between')
  const reading = readWire(`GET /${'a'.repeat(70_000)}`)
  assert.ok(typeof reading.end === 'object')
  assert.equal(reading.end.status, 414)
  assert.match(reading.end.detail, /8192/)
  assert.equal(withLine(`GET /${'a'.repeat(8192)} HTTP/1.1`), 'target-too-long')
})

test('rule 22: too large a field, too many of them and too large a head are 431', () => {
  const { fields, field, head } = DEFAULT_HEAD_LIMITS
  assert.equal(withFields(`X-A: ${'a'.repeat(100_000)}`), 'field-too-large')
  assert.equal(withFields(`X-A: ${'a'.repeat(field - 5)}`), 'between')
  assert.equal(withFields(`X-A: ${'a'.repeat(field - 4)}`), 'field-too-large')
  assert.equal(withFields(`${'a'.repeat(field + 1)}: b`), 'field-too-large')
  assert.equal(withFields(Array.from({ length: 3000 }, () => 'A: b').join('\r\n')), 'too-many-fields')
  assert.equal(withFields(Array.from({ length: fields - 1 }, () => 'A: b').join('\r\n')), 'between')
  assert.equal(withFields(Array.from({ length: fields }, () => 'A: b').join('\r\n')), 'too-many-fields')
  const fixed = `${LINE}Host: h\r\nX-A: \r\nX-B: \r\nX-C: \r\n\r\n`.length
  const filler = (size: number) => ['A', 'B', 'C'].map((n, i) => `X-${n}: ${'a'.repeat(i === 2 ? size : 12_000)}`)
  assert.equal(withFields(filler(head - fixed - 24_000).join('\r\n')), 'between')
  assert.equal(withFields(filler(head - fixed - 24_000 + 1).join('\r\n')), 'head-too-large')
  const reading = readWire(`${LINE}${'A: b\r\n'.repeat(3000)}`)
  assert.ok(typeof reading.end === 'object' && reading.end.status === 431)
  assert.match(reading.end.detail, /more than 128/)
  const large = readWire(`${LINE}X: ${'a'.repeat(field)}`).end
  assert.ok(typeof large === 'object')
  assert.match(large.detail, /field is longer than 16384/)
})

test('rule 25: a few empty lines before the request line are ignored, many are refused', () => {
  assert.equal(endOf(readWire(`\r\n\r\n${LINE}Host: h\r\n\r\n`)), 'between')
  assert.equal(readWire(`\r\n${LINE}Host: h\r\n\r\n\r\n${LINE}Host: h\r\n\r\n`).messages.length, 2)
  assert.equal(endOf(readWire(`${'\r\n'.repeat(4)}${LINE}Host: h\r\n\r\n`)), 'between')
  assert.equal(endOf(readWire('\r\n'.repeat(5))), 'too-many-empty-lines')
  assert.equal(endOf(readWire(`\rX${LINE}`)), 'bare-cr')
})

test('rule 26: an HTTP/2 preface and the first bytes of TLS are refused at once', () => {
  assert.equal(endOf(readWire('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')), 'version-not-supported')
  assert.equal(endOf(readWire('\x16\x03\x01\x02\x00\x01\x00\x01')), 'bad-method')
})

test('rule 60: order, spelling, repetition and 8-bit bytes of fields are kept', () => {
  const [message] = readWire(
    `${LINE}Host: h\r\nx-ODD:caf\xe9\r\nAccept: a\r\nX-a:\t b \t\r\naccept: c\r\n\r\n`,
  ).messages
  assert.deepEqual(message?.fields, ['Host: h', 'x-ODD: caf\xe9', 'Accept: a', 'X-a: b', 'accept: c'])
  assert.equal(
    message.rebuilt,
    `${LINE}Host: h\r\nx-ODD: caf\xe9\r\nAccept: a\r\nX-a: b\r\naccept: c\r\n\r\n`,
    'only white space around values may differ',
  )
})

function response(bytes: string): string {
  return endOf(readWire(bytes, { side: 'response' }))
}

test('rule 77: junk, a status that is no three digits and half a head are no response', () => {
  for (const junk of [
    'hello\r\n\r\n',
    'HTTP/1.1 99 X\r\n\r\n',
    'HTTP/1.1 1000 X\r\n\r\n',
    'HTTP/1.1 099 X\r\n\r\n',
    'HTTP/1.1 2x0 X\r\n\r\n',
    'HTTP/1.1 2:0 X\r\n\r\n',
    'HTTP/1.1  200\r\n\r\n',
  ]) {
    assert.match(response(junk), /bad-version|bad-start-line/, junk)
  }
  assert.equal(response('ICY 200 OK\r\n\r\n'), 'bad-version')
  assert.equal(response('HTTP/2 200 OK\r\n\r\n'), 'version-not-supported')
  assert.equal(response('\r\nHTTP/1.1 200 OK\r\n\r\n'), 'bad-version')
  assert.equal(response('HTTP/1.1 200 OK\r\nContent-Le'), 'inside')
  const reading = readWire('hello', { side: 'response' })
  assert.ok(typeof reading.end === 'object' && reading.end.status === 502)
})

test('rule 78: a missing reason phrase is accepted, a control byte in it is not', () => {
  for (const line of ['HTTP/1.1 204', 'HTTP/1.1 204 ', 'HTTP/1.1 204 No Content', 'HTTP/1.1 204 caf\xe9\tx']) {
    assert.equal(response(`${line}\r\n\r\n`), 'between', line)
  }
  assert.equal(readWire('HTTP/1.1 204\r\n\r\n', { side: 'response' }).messages[0]?.rebuilt, 'HTTP/1.1 204 \r\n\r\n')
  assert.equal(response('HTTP/1.1 100 Continue\r\n\r\n'), 'between')
  assert.equal(response('HTTP/1.1 204 a\x01b\r\n\r\n'), 'bad-start-line')
  assert.equal(response('HTTP/1.1 204 a\0b\r\n\r\n'), 'bad-start-line')
  assert.equal(response('HTTP/1.1 204 a\rb\r\n\r\n'), 'bare-cr')
})

test('rule 79: a malformed field in a response is refused with 502', () => {
  const cases: Record<string, string> = {
    'X-A: a\r\n b': 'folded-line',
    'X-A: a\n b': 'folded-line',
    'X-A: a\r\r\nX-B: b': 'bare-cr',
    'X-A\nX-B: b': 'bare-lf',
    'X-A : a': 'space-before-colon',
    'X-A: a\0b': 'bad-field-value',
    'X-A: a\rb': 'bare-cr',
    'X(A: a': 'bad-field-name',
    [`X-A: ${'a'.repeat(100_000)}`]: 'field-too-large',
  }
  for (const [line, code] of Object.entries(cases)) {
    const reading = readWire(`HTTP/1.1 204 OK\r\n${line}\r\n\r\n`, { side: 'response' })
    assert.equal(endOf(reading), code)
    assert.ok(typeof reading.end === 'object' && reading.end.status === 502)
  }
})

test('rule 79: a line of a response may end with LF alone, and is written with CR LF', () => {
  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: \t a \r\nX-B:b\r\nX-C: c\r\n\r\nok'
  const { messages } = readWire(whole, { side: 'response' })
  assert.equal(messages.length, 1)
  for (const stream of [whole.replaceAll('\r', ''), whole.replace('\r', ''), whole.replace('\r\n\r\n', '\r\n\n')]) {
    const cuts = [[], Array.from({ length: whole.length }, (_, index) => index)]
    for (const cut of cuts) assert.deepEqual(readWire(stream, { side: 'response', cuts: cut }).messages, messages)
  }
  assert.doesNotMatch(messages[0]?.rebuilt ?? '', /[^\r]\n/)
  assert.equal(readWire('HTTP/1.1 204\n\n', { side: 'response' }).messages[0]?.rebuilt, 'HTTP/1.1 204 \r\n\r\n')
  assert.equal(response('\nHTTP/1.1 204\n\n'), 'bare-lf')
})

test('rule 42: trailers of a response end with CR LF', () => {
  const coded = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n'
  assert.equal(response(`${coded}X-T: 1\n\r\n`), 'bare-lf')
  assert.equal(response(`${coded}X-T: 1\r\n\n`), 'bare-lf')
})
