import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInterim } from '../../src/http/framing.ts'
import { Head } from '../../src/http/head.ts'
import { isSafe, findMethod, methodName } from '../../src/http/method.ts'
import { nameNumber } from '../../src/http/names.ts'
import { parseHead } from '../../src/http/parse-head.ts'

function parse(head: Head, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  head.beginRequest(0)
  assert.equal(parseHead(head, bytes, bytes.length), 'done')
  return bytes
}

test('values are found by number, by name and by index; nothing of an earlier message is', () => {
  const head = new Head()
  parse(head, 'GET / HTTP/1.1\r\nHost: h\r\nX-Old: 1\r\nCookie: a\r\nCookie: b\r\n\r\n')
  assert.equal(head.value(nameNumber('host')), 'h')
  assert.equal(head.value(nameNumber('cookie')), 'a')
  assert.equal(head.isRepeated(nameNumber('cookie')), true)
  assert.equal(head.hasRepeats, true)
  assert.equal(head.find('cookie'), 2)
  assert.equal(head.find('cookie', 3), 3)
  parse(head, 'GET / HTTP/1.1\r\nhOST: i\r\n\r\n')
  assert.equal(head.value(nameNumber('host')), 'i')
  assert.equal(head.value(nameNumber('cookie')), '')
  assert.equal(head.has(nameNumber('cookie')), false)
  assert.equal(head.isRepeated(nameNumber('cookie')), false)
  assert.equal(head.hasRepeats, false)
  assert.equal(head.find('x-old'), -1)
  assert.equal(head.find('cookie', 2), -1)
})

test('a head that was copied elsewhere reads the same', () => {
  const head = new Head()
  const bytes = parse(head, '\r\nFOO /a HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\nrest')
  const copy = Buffer.from(`..${bytes.toString('latin1', head.start, head.end)}`, 'latin1')
  head.moveTo(copy, 2)
  bytes.fill('!')
  assert.equal(head.methodText(), 'FOO')
  assert.equal(head.text(head.targetStart, head.targetEnd), '/a')
  assert.equal(head.value(nameNumber('host')), 'h')
  assert.equal(head.text(head.nameStart(1), head.valueEnd(1)), 'X-A: b')
  assert.equal(head.end, copy.length)
})

test('a head keeps what was lent, whatever its size, and leaves alone what is its own', () => {
  const head = new Head()
  for (const size of [1, 4_000, 10]) {
    const value = 'v'.repeat(size)
    const bytes = parse(head, `GET /a HTTP/1.1\r\nHost: h\r\nX-A: ${value}\r\n\r\n`)
    head.own(bytes)
    bytes.fill('!')
    assert.equal(head.text(head.targetStart, head.targetEnd), '/a')
    assert.equal(head.text(head.valueStart(1), head.valueEnd(1)), value)
    const own = head.bytes
    head.own(bytes)
    assert.equal(head.bytes, own)
  }
})

test('every status below 200 but 101 is interim', () => {
  assert.deepEqual([100, 101, 103, 199, 200, 204, 404].map(isInterim), [true, false, true, true, false, false, false])
})

test('methods are told apart exactly, and which may be sent again', () => {
  const number = (text: string) => findMethod(Buffer.from(text), 0, text.length)
  const names = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']
  for (const name of names) assert.equal(methodName(number(name)), name)
  for (const name of ['get', 'GE', 'GETS', 'PUTT', 'GEX', 'HEAT', 'PUR', '']) assert.equal(number(name), 0, name)
  const safe = names.filter((name) => isSafe(number(name)))
  assert.deepEqual(safe, ['GET', 'HEAD', 'OPTIONS'])
})
