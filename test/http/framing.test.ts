import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reframe, CHUNKED, CLOSE, NONE } from '../../src/http/framing.ts'
import { endOf, readWire, type Reading } from './wire.ts'

const HEAD = 'POST /api/app1/x HTTP/1.1\r\nHost: h\r\n'
const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'

function post(fields: string, body = ''): Reading {
  return readWire(`${HEAD}${fields}\r\n\r\n${body}`)
}

function answer(status: number, fields: string, body = '', method = 'GET'): Reading {
  const lines = fields === '' ? '' : `${fields}\r\n`
  return readWire(`HTTP/1.1 ${status} X\r\n${lines}\r\n${body}`, { side: 'response', method })
}

function statusOf(reading: Reading): number {
  return typeof reading.end === 'object' ? reading.end.status : 0
}

test('rule 27: Content-Length before Transfer-Encoding is refused', () => {
  const reading = post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${HIDDEN}`)
  assert.equal(endOf(reading), 'length-and-coding')
  assert.equal(reading.messages.length, 0)
})

test('rule 28: Transfer-Encoding before Content-Length is refused', () => {
  const reading = post('Transfer-Encoding: chunked\r\nContent-Length: 4', `5c\r\n${HIDDEN}`)
  assert.equal(endOf(reading), 'length-and-coding')
  assert.equal(reading.messages.length, 0)
})

test('rule 29: Transfer-Encoding in HTTP/1.0 is refused', () => {
  const reading = readWire('POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  assert.equal(endOf(reading), 'coding-in-old-version')
})

test('rule 30: an obfuscated Transfer-Encoding is refused', () => {
  const values = [
    'identity',
    'chunked, identity',
    'chunked, chunked',
    'xchunked',
    '\x0bchunked',
    'chunked\x0b',
    '"chunked"',
    '\0chunked',
    '',
    'chunked;q=1',
    '\xffchunked',
    'chunked\xa0',
    'chunked chunked',
    "'chunked'",
    'chunke',
    'cow',
    'gzip',
    'chunked-',
    '\x0cchunked',
    'chunked,\x0b',
    ' ',
    'chunKed;',
  ]
  for (const value of values) {
    const reading = post(`Transfer-Encoding: ${value}`, '0\r\n\r\n')
    assert.match(endOf(reading), /^(coding-invalid|bad-field-value)$/, JSON.stringify(value))
    assert.equal(statusOf(reading), 400)
    assert.equal(reading.messages.length, 0)
  }
  assert.equal(endOf(post('Transfer-Encoding: gzip, chunked')), 'coding-unknown')
  assert.equal(statusOf(post('Transfer-Encoding: gzip, chunked')), 501)
  assert.equal(endOf(post('Transfer-Encoding: gzip,chunked')), 'coding-unknown')
  assert.equal(endOf(post('Transfer-Encoding: g zip, chunked')), 'coding-invalid')
})

test('rule 31: a Transfer-Encoding that only resembles a list is refused', () => {
  for (const value of [
    'identity, chunked',
    'chunked,',
    ',chunked',
    ', chunked',
    'chunked,,',
    'JUNK, , chunked',
    '\r\n chunked',
  ]) {
    assert.match(endOf(post(`Transfer-Encoding: ${value}`)), /^(coding-invalid|folded-line)$/, JSON.stringify(value))
  }
})

test('rule 32: legal spellings of chunked are accepted and go on in one', () => {
  for (const value of ['Chunked', '\tchunked', 'chunked \t', 'CHUNKED', '  chunked']) {
    const [message] = post(`Transfer-Encoding:${value}`, '1\r\na\r\n0\r\n\r\n').messages
    assert.equal(message?.body, 'a', value)
    assert.ok(message.rebuilt.endsWith('Host: h\r\nTransfer-Encoding: chunked\r\n\r\n'))
  }
})

test('rule 33: two Transfer-Encoding lines are refused, whatever they say', () => {
  for (const other of ['chunked', 'identity', 'cow', '']) {
    assert.equal(endOf(post(`Transfer-Encoding: chunked\r\ntransfer-encoding: ${other}`)), 'coding-repeated')
    assert.equal(endOf(post(`Transfer-Encoding: ${other}\r\nX: y\r\nTRANSFER-ENCODING: chunked`)), 'coding-repeated')
  }
  assert.equal(
    endOf(post('Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\nContent-Length: 5')),
    'length-and-coding',
  )
})

test('rule 34: Transfer-Encoding hidden behind a CR or LF is refused', () => {
  assert.equal(endOf(post('X-A: y\rTransfer-Encoding: chunked\r\nContent-Length: 5')), 'bare-cr')
  assert.equal(endOf(post('X-A: y\nTransfer-Encoding: chunked\r\nContent-Length: 5')), 'bare-lf')
  assert.equal(endOf(post('X-A: y\r\rTransfer-Encoding: chunked\r\nContent-Length: 5')), 'bare-cr')
  assert.equal(endOf(post('X-A: y\n\rTransfer-Encoding: chunked\r\nContent-Length: 5')), 'bare-lf')
})

test('rule 35: names that look like framing fields neither frame nor go on', () => {
  const [message] = post(
    'Transfer_Encoding: chunked\r\nContent.Length: 0\r\nCONTENT_LENGTH: 9\r\nContent-Length: 2',
    'ab',
  ).messages
  assert.equal(message?.body, 'ab')
  assert.ok(message.rebuilt.endsWith('Host: h\r\nContent-Length: 2\r\n\r\n'))
  assert.equal(endOf(post('Transfer-Encoding\x85: chunked')), 'bad-field-name')
})

test('rule 36: an invalid Content-Length is refused', () => {
  const values = [
    '+5',
    '-5',
    '5 5',
    '0x5',
    '5;',
    '5.0',
    '5_0',
    '',
    ' ',
    '18446744073709551621',
    '9'.repeat(400),
    '5,6',
    '5,5',
    '1e3',
    '5a',
    '\xb2',
    '9007199254740992',
    '5,',
    '"5"',
  ]
  for (const value of values) {
    const reading = post(`Content-Length: ${value}`, HIDDEN)
    assert.equal(endOf(reading), 'length-invalid', value)
    assert.equal(statusOf(reading), 400)
    assert.equal(reading.messages.length, 0)
  }
  assert.equal(endOf(post('Content-Length: \x0b5')), 'bad-field-value')
})

test('rule 37: legal spellings of Content-Length are accepted and go on as one decimal number', () => {
  for (const value of ['5 ', '\t5', '05', `${'0'.repeat(40)}5`]) {
    const [message] = post(`Content-Length:${value}`, 'hello').messages
    assert.equal(message?.body, 'hello')
    assert.ok(message.rebuilt.endsWith('Host: h\r\nContent-Length: 5\r\n\r\n'))
  }
  assert.equal(endOf(post('Content-Length: 9007199254740991', 'x')), 'inside')
})

test('rule 38: a repeated Content-Length is refused, equal or not', () => {
  assert.equal(endOf(post('Content-Length: 5\r\nContent-Length: 5', 'hello')), 'length-repeated')
  assert.equal(endOf(post('Content-Length: 5\r\ncontent-length: 6', 'hello')), 'length-repeated')
  assert.equal(endOf(post('Content-Length: 5, 5', 'hello')), 'length-invalid')
})

test('rule 46: a body of GET, DELETE and OPTIONS is framed like any other', () => {
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD', 'FOO']) {
    const sized = `${method} /a HTTP/1.1\r\nHost: h\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`
    const chunked = `${method} /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
    const reading = readWire(`${sized}${chunked}GET /next HTTP/1.1\r\nHost: h\r\n\r\n`)
    assert.deepEqual(
      reading.messages.map((message) => [message.start, message.body]),
      [
        [`${method} /a`, HIDDEN],
        [`${method} /a`, HIDDEN],
        ['GET /next', ''],
      ],
    )
    assert.ok(reading.messages[0]?.rebuilt.endsWith(`Content-Length: ${HIDDEN.length}\r\n\r\n`))
    assert.ok(reading.messages[1]?.rebuilt.endsWith('Transfer-Encoding: chunked\r\n\r\n'))
  }
})

test('rule 47: a POST without a length has no body, and stray bytes are an invalid next request', () => {
  const reading = readWire(`${HEAD}\r\nhello`)
  assert.equal(reading.messages[0]?.body, '')
  assert.equal(endOf(reading), 'inside')
  assert.equal(endOf(readWire(`${HEAD}\r\nhello\r\n\r\n`)), 'bad-method')
})

test('rule 48: pipelined requests are told apart and each has its own head', () => {
  const stream = `${HIDDEN}${HEAD}Content-Length: 3\r\n\r\nabc${HIDDEN}`
  assert.deepEqual(
    readWire(stream).messages.map((message) => [message.start, message.body, message.fields.length]),
    [
      ['GET /smuggled', '', 1],
      ['POST /api/app1/x', 'abc', 2],
      ['GET /smuggled', '', 1],
    ],
  )
})

test('rule 49: a request inside an unread body is body, to its last byte', () => {
  const reading = post(`Content-Length: ${HIDDEN.length}`, HIDDEN)
  assert.equal(reading.messages.length, 1)
  assert.equal(reading.messages[0]?.body, HIDDEN)
  assert.equal(endOf(reading), 'between')
})

test('rule 50: a truncated request body never ends', () => {
  assert.equal(endOf(post('Content-Length: 10', 'hello')), 'inside')
  for (const cut of [
    '5',
    '5\r\n',
    '5\r\nhel',
    '5\r\nhello',
    '5\r\nhello\r\n',
    '5\r\nhello\r\n0',
    '5\r\nhello\r\n0\r\n',
    '0\r\nX: y\r\n',
  ]) {
    const reading = post('Transfer-Encoding: chunked', cut)
    assert.equal(endOf(reading), 'inside', JSON.stringify(cut))
    assert.equal(reading.messages.length, 0)
  }
})

test('rule 65: a chunked response goes to an HTTP/1.0 client without chunks', () => {
  assert.equal(reframe(CHUNKED, 0), CLOSE)
  assert.equal(reframe(CHUNKED, 1), CHUNKED)
})

test('rule 66: a response that ends with the connection is chunked for HTTP/1.1 and closed for HTTP/1.0', () => {
  const reading = answer(200, '', 'all of it')
  assert.equal(reading.messages[0]?.body, 'all of it')
  assert.equal(reading.messages[0]?.persists, false)
  assert.equal(reframe(CLOSE, 1), CHUNKED)
  assert.equal(reframe(CLOSE, 0), CLOSE)
  assert.equal(reframe(NONE, 1), NONE)
})

test('rule 68: a response shorter than its Content-Length never ends', () => {
  assert.equal(endOf(answer(200, 'Content-Length: 10', 'hello')), 'inside')
})

test('rule 69: a truncated or corrupt chunked response never ends', () => {
  assert.equal(endOf(answer(200, 'Transfer-Encoding: chunked', '5\r\nhello\r\n')), 'inside')
  assert.equal(endOf(answer(200, 'Transfer-Encoding: chunked', '5\r\nhel')), 'inside')
  const reading = answer(200, 'Transfer-Encoding: chunked', '5\r\nhello\r\nzz\r\n')
  assert.equal(endOf(reading), 'bad-chunk-size')
  assert.equal(statusOf(reading), 502)
})

test('rule 70: both Content-Length and Transfer-Encoding in a response are 502', () => {
  for (const fields of [
    'Content-Length: 5\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked\r\nContent-Length: 5',
  ]) {
    assert.equal(endOf(answer(200, fields)), 'length-and-coding')
    assert.equal(statusOf(answer(200, fields)), 502)
  }
})

test('rule 71: an invalid Content-Length in a response is 502', () => {
  for (const fields of [
    'Content-Length: 5\r\nContent-Length: 6',
    'Content-Length: -5',
    'Content-Length: +5',
    'Content-Length: 5, 6',
  ]) {
    assert.equal(statusOf(answer(200, fields)), 502)
    assert.equal(statusOf(answer(304, fields)), 502)
    assert.equal(statusOf(answer(200, fields, '', 'HEAD')), 502)
  }
})

test('rule 72: a transfer coding that cannot be undone is 502 in a response', () => {
  for (const value of ['gzip', 'chunked, gzip', 'gzip, chunked', 'identity', ',chunked']) {
    assert.equal(statusOf(answer(200, `Transfer-Encoding: ${value}`)), 502)
  }
  assert.equal(statusOf(readWire('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', { side: 'response' })), 502)
})

test('rule 73: 204, 304 and answers to HEAD have no body, and only the latter two keep a length', () => {
  const emptied = answer(204, 'Content-Length: 5', 'hello')
  assert.equal(emptied.messages[0]?.body, '')
  assert.equal(emptied.messages[0]?.rebuilt, 'HTTP/1.1 204 X\r\n\r\n')
  assert.equal(endOf(emptied), 'bad-version', 'the stray bytes are no response')
  assert.equal(answer(204, 'Transfer-Encoding: chunked').messages[0]?.rebuilt, 'HTTP/1.1 204 X\r\n\r\n')
  assert.equal(answer(304, 'Content-Length: 500').messages[0]?.rebuilt, 'HTTP/1.1 304 X\r\nContent-Length: 500\r\n\r\n')
  const toHead = answer(200, 'Content-Length: 007', '', 'HEAD')
  assert.equal(endOf(toHead), 'between')
  assert.equal(toHead.messages[0]?.rebuilt, 'HTTP/1.1 200 X\r\nContent-Length: 7\r\n\r\n')
  assert.equal(answer(200, 'Transfer-Encoding: chunked', '', 'HEAD').messages[0]?.rebuilt, 'HTTP/1.1 200 X\r\n\r\n')
  assert.equal(answer(200, '', '', 'HEAD').messages[0]?.rebuilt, 'HTTP/1.1 200 X\r\n\r\n')
  assert.equal(answer(205, 'Content-Length: 0').messages[0]?.rebuilt, 'HTTP/1.1 205 X\r\nContent-Length: 0\r\n\r\n')
})

test('rule 74: interim responses are heads of their own before the final one', () => {
  const stream =
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 199 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'
  assert.deepEqual(
    readWire(stream, { side: 'response' }).messages.map((message) => [message.start, message.fields, message.body]),
    [
      ['103', ['Link: </a>'], ''],
      ['199', [], ''],
      ['200', ['Content-Length: 2'], 'hi'],
    ],
  )
  const bodied = answer(103, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\nLink: </a>').messages[0]
  assert.equal(bodied?.rebuilt, 'HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n')
})

test('rule 82: bytes behind a response are seen as what they are', () => {
  const reading = answer(200, 'Content-Length: 2', 'hiHTTP/1.1 200 forged\r\nContent-Length: 0\r\n\r\n')
  assert.equal(reading.messages[0]?.body, 'hi')
  assert.equal(reading.messages.length, 2, 'a relay that asked once must drop the connection')
})
