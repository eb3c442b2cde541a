import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ChunkedReader, writeChunkSize } from '../../src/http/chunked.ts'
import { endOf, readWire, rebuildLastChunk, type Reading } from './wire.ts'

function send(body: string): Reading {
  return readWire(`POST /api/app1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
}

test('rule 39: a chunk size that is not plain hexadecimal is refused', () => {
  for (const size of [' 5', '+5', '-1', '0x5', '5_0', 'G', '', '\t5', '5g', '5,', "5'", '5\0', '\xb2']) {
    assert.equal(endOf(send(`${size}\r\nhello\r\n0\r\n\r\n`)), 'bad-chunk-size', JSON.stringify(size))
  }
  for (const size of ['F'.repeat(17), 'F'.repeat(16), '20000000000000', '00000000000000005']) {
    assert.equal(endOf(send(`${size}\r\nhello`)), 'chunk-too-large', size)
  }
  assert.equal(endOf(send('1fffffffffffff\r\nhello')), 'inside')
})

test('rule 40: chunk data that is not followed by CR LF is refused', () => {
  for (const body of [
    '5\r\nhelloX0\r\n\r\n',
    '5\r\nhelloXX0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello\rX0\r\n\r\n',
    '5\r\nhello0\r\n\r\n',
    '5\r\nhelloX\n0\r\n\r\n',
  ]) {
    const reading = send(body)
    assert.equal(endOf(reading), 'bad-chunk-end', JSON.stringify(body))
    assert.equal(reading.messages.length, 0)
  }
})

test('rule 41: chunk extensions are dropped, and their size is bounded', () => {
  for (const extension of [';a=b', ';a="b;c"', ';', ';a', ';\xff']) {
    assert.equal(send(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`).messages[0]?.body, 'hello', extension)
  }
  assert.equal(endOf(send(`5;${'a'.repeat(1024)}\r\nhello\r\n0\r\n\r\n`)), 'between')
  assert.equal(endOf(send(`5;${'a'.repeat(1025)}`)), 'chunk-overhead')
  assert.equal(endOf(send(`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(10_000))), 'chunk-overhead')
  const honest = `1\r\nx\r\n`.repeat(10_000)
  assert.equal(send(`${honest}0\r\n\r\n`).messages[0]?.body.length, 10_000, 'small chunks alone are no offence')
})

test('rule 42: tricks in the line of a chunk size are refused', () => {
  for (const body of [
    '5;a\nhello\r\n',
    '2;\nxx\r\n',
    '5;a\rb\r\nhello',
    '5\nhello\r\n',
    '5;a\0\r\nhello',
    '5\rhello',
    '5;\r;\r\nhello',
  ]) {
    assert.equal(endOf(send(body)), 'bad-chunk-line', JSON.stringify(body))
  }
  for (const body of ['5 \r\nhello\r\n', '5 ;a\r\nhello\r\n', '5\t\r\nhello']) {
    assert.equal(endOf(send(body)), 'bad-chunk-size', JSON.stringify(body))
  }
  assert.equal(endOf(send('0\n\r\n')), 'bad-chunk-line')
  assert.equal(endOf(send('0\r\n\n')), 'bare-lf')
  assert.equal(endOf(send('0\r\n\rX')), 'bare-cr')
})

test('rule 43: legal forms of a chunk are accepted', () => {
  assert.equal(send('0005\r\nhello\r\n000\r\n\r\n').messages[0]?.body, 'hello')
  assert.equal(send('0000000000000005\r\nhello\r\n000\r\n\r\n').messages[0]?.body, 'hello')
  assert.equal(send('a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n').messages[0]?.body, '01234567890123456789a')
  assert.deepEqual(send('0\r\nX-A: b\r\nX-C: d\r\n\r\n').messages[0]?.trailers, ['X-A: b', 'X-C: d'])
})

test('rule 44: trailers are never merged, and those with a meaning do not go on', () => {
  const lines = [
    'Content-Length: 9',
    'Host: evil',
    'Authorization: x',
    'X-API-Token: t',
    'X-Forwarded-For: 1',
    'X_Forwarded_For: 1',
    'Transfer-Encoding: chunked',
    'Set-Cookie: a=b',
    'Content-Type: x',
    'X-Sum: 7',
    'Trailer: y',
    'Cookie: a',
  ]
  const [message] = send(`0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`).messages
  assert.deepEqual(message?.fields, ['Host: h', 'Transfer-Encoding: chunked'])
  assert.deepEqual(message.trailers, lines)
  const reader = new ChunkedReader()
  reader.begin('request')
  const bytes = Buffer.from(`0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)
  assert.equal(reader.read(bytes, 0, bytes.length), 'end')
  assert.equal(rebuildLastChunk(reader.trailers), '0\r\nX-Sum: 7\r\n\r\n')
  assert.equal(endOf(send('0\r\nX : y\r\n\r\n')), 'space-before-colon')
  assert.equal(endOf(send(`0\r\n${'X: y\r\n'.repeat(33)}\r\n`)), 'too-many-fields')
  assert.equal(endOf(send(`0\r\n${`X: ${'y'.repeat(3000)}\r\n`.repeat(3)}`)), 'trailers-too-large')
})

test('rule 45: a request where the final CR LF is missing is refused and not executed', () => {
  const reading = send('0\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.equal(endOf(reading), 'space-before-colon')
  assert.equal(reading.messages.length, 0)
})

test('rule 64: trailers of a response are read and go on', () => {
  const stream =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\ngrpc-status:0\r\n\r\n'
  const [message] = readWire(stream, { side: 'response' }).messages
  assert.equal(message?.body, 'hi')
  assert.deepEqual(message.trailers, ['X-T: 1', 'grpc-status: 0'])
})

test('a written chunk size is read back, for every size', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(70_000), fc.maxSafeNat()), (size) => {
      const out = Buffer.alloc(20)
      const end = writeChunkSize(out, 1, size)
      assert.equal(out.toString('latin1', 1, end), `${size.toString(16)}\r\n`)
      assert.equal(out[end], 0)
    }),
  )
})

test('a refusal leaves the reader within the bytes at hand', () => {
  const reader = new ChunkedReader()
  reader.begin('request')
  const first = Buffer.from('5\r\nhello')
  assert.equal(reader.read(first, 0, first.length), 'data')
  assert.equal(reader.read(first, reader.at, first.length), 'more')
  assert.equal(typeof reader.read(Buffer.from('Z'), 0, 1), 'object')
  assert.equal(reader.at, 0)
})
