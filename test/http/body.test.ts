import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyReader } from '../../src/http/body.ts'
import { CHUNKED, CLOSE, NONE } from '../../src/http/framing.ts'

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

test('one reader serves bodies of every framing in turn', () => {
  const reader = new BodyReader()
  const chunked = bytes('2\r\nhi\r\n0\r\nX-T: 1\r\n\r\nrest')
  reader.begin(CHUNKED, 'request')
  assert.equal(reader.isComplete, false)
  assert.equal(reader.read(chunked, 0, chunked.length), 'data')
  assert.equal(chunked.toString('latin1', reader.start, reader.end), 'hi')
  assert.equal(reader.read(chunked, reader.at, chunked.length), 'end')
  assert.equal(chunked.toString('latin1', reader.at), 'rest')
  assert.equal(reader.trailers?.count, 1)

  const sized = bytes('helloGET /')
  reader.begin({ kind: 'length', length: 5 }, 'request')
  assert.equal(reader.trailers, null)
  assert.equal(reader.read(sized, 0, 3), 'data')
  assert.equal(reader.isComplete, false)
  assert.equal(reader.read(sized, reader.at, 3), 'more')
  assert.equal(reader.read(sized, reader.at, sized.length), 'data')
  assert.equal(sized.toString('latin1', reader.start, reader.end), 'lo')
  assert.equal(reader.isComplete, true)
  assert.equal(reader.read(sized, reader.at, sized.length), 'end')
  assert.equal(reader.at, 5)

  reader.begin(NONE, 'response')
  assert.equal(reader.isComplete, true)
  assert.equal(reader.read(sized, 0, 0), 'end')

  reader.begin(CLOSE, 'response')
  assert.equal(reader.endsWithConnection, true)
  assert.equal(reader.isComplete, false)
  assert.equal(reader.read(sized, 0, 4), 'data')
  assert.equal(reader.read(sized, 4, 4), 'more')
  assert.equal(reader.isComplete, false)

  reader.begin(CHUNKED, 'response')
  assert.equal(reader.trailers, null)
  assert.equal(reader.endsWithConnection, false)
})

test('an empty body of a length, or of no chunk, ends at once', () => {
  const reader = new BodyReader()
  reader.begin({ kind: 'length', length: 0 }, 'request')
  assert.equal(reader.isComplete, true)
  assert.equal(reader.read(bytes('x'), 0, 1), 'end')
  assert.equal(reader.at, 0)
  reader.begin(CHUNKED, 'request')
  const last = bytes('0\r\n\r\nx')
  assert.equal(reader.read(last, 0, last.length), 'end')
  assert.equal(reader.at, 5)
  assert.equal(reader.trailers, null)
})
