import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { CHUNKED, NONE } from '../../src/http/framing.ts'
import { Head } from '../../src/http/head.ts'
import { CREDENTIAL, nameNumber } from '../../src/http/names.ts'
import { parseHead } from '../../src/http/parse-head.ts'
import {
  REQUEST_OMITS,
  fieldLine,
  requestBound,
  responseBound,
  writeRequest,
  writeResponse,
  type RequestOut,
  type ResponseOut,
} from '../../src/http/write-head.ts'
import { plainResponse, readWire } from './wire.ts'

const TOKEN = "!#$%&'*+.^_`|~0123456789ABCXYZabcxyz-"
const names = fc
  .string({ unit: fc.constantFrom(...TOKEN.split('')), minLength: 1, maxLength: 20 })
  .map((name) => `Q-${name}`)
const octets = Array.from({ length: 256 }, (_, byte) => byte).filter(
  (byte) => byte === 9 || (byte >= 32 && byte !== 127),
)
const values = fc
  .string({ unit: fc.constantFrom(...octets.map((byte) => String.fromCharCode(byte))), maxLength: 90 })
  .map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ''))
const spaces = fc.constantFrom('', ' ', '\t', '  ')
const targets = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((byte) => String.fromCharCode(byte)) })

test('what is written from a parsed request parses to the same request, whatever the white space was', () => {
  fc.assert(
    fc.property(
      targets,
      fc.array(fc.tuple(names, spaces, values, spaces), { maxLength: 30, size: 'max' }),
      (path, list) => {
        const target = `/${path.replaceAll('#', '')}`
        const lines = list.map(([name, before, value, after]) => `${name}:${before}${value}${after}\r\n`)
        const canonical = list.map(([name, , value]) => `${name}: ${value}\r\n`)
        const [message] = readWire(`FOO ${target} HTTP/1.1\r\nHost: h\r\n${lines.join('')}\r\n`).messages
        assert.equal(message?.rebuilt, `FOO ${target} HTTP/1.1\r\nHost: h\r\n${canonical.join('')}\r\n`)
        assert.equal(readWire(message.rebuilt).messages[0]?.rebuilt, message.rebuilt)
      },
    ),
  )
})

test('what is written from a parsed response parses to the same response', () => {
  const status = fc.integer({ min: 200, max: 999 }).filter((code) => code !== 204 && code !== 304)
  fc.assert(
    fc.property(
      status,
      values,
      fc.array(fc.tuple(names, spaces, values), { maxLength: 30, size: 'max' }),
      (code, reason, list) => {
        const lines = list.map(([name, space, value]) => `${name}:${space}${value}\r\n`)
        const canonical = list.map(([name, , value]) => `${name}: ${value}\r\n`)
        const wire = { side: 'response' } as const
        const [message] = readWire(
          `HTTP/1.0 ${code} ${reason}\r\n${lines.join('')}Content-Length: 0\r\n\r\n`,
          wire,
        ).messages
        assert.equal(message?.rebuilt, `HTTP/1.1 ${code} ${reason}\r\n${canonical.join('')}Content-Length: 0\r\n\r\n`)
        assert.equal(readWire(message.rebuilt, wire).messages[0]?.rebuilt, message.rebuilt)
      },
    ),
  )
})

function parsed(text: string): Head {
  const head = new Head()
  if (text.startsWith('HTTP')) head.beginResponse(0)
  else head.beginRequest(0)
  const bytes = Buffer.from(text, 'latin1')
  assert.equal(parseHead(head, bytes, bytes.length), 'done')
  return head
}

function request(text: string, how: Partial<RequestOut>): string {
  const head = parsed(text)
  const all: RequestOut = {
    target: '/',
    authority: 'h',
    framing: NONE,
    omits: REQUEST_OMITS | CREDENTIAL,
    added: '',
    pieces: [],
    edits: null,
    upgrade: '',
    trailers: false,
    ...how,
  }
  const out = Buffer.alloc(requestBound(head, all) + 7)
  return out.toString('latin1', 7, writeRequest(out, 7, head, all))
}

function response(text: string, how: Partial<ResponseOut>): string {
  const head = parsed(text)
  const all: ResponseOut = { ...plainResponse, ...how }
  const out = Buffer.alloc(responseBound(head, all) + 7)
  return out.toString('latin1', 7, writeResponse(out, 7, head, all))
}

test('a checked credential, our own fields, an upgrade and edits are written where they belong', () => {
  const text =
    'GET /p/x HTTP/1.0\r\nA: 1\r\nX-API-Token: t\r\nB:2\r\nCookie: a; session=s\r\nAuthorization: Bearer t\r\nC: 3\r\n\r\n'
  const cookie = parsed(text).indexOf(nameNumber('cookie'))
  assert.equal(
    request(text, {
      target: '/x',
      added: fieldLine('X-Forwarded-For', '::1'),
      edits: new Map([[cookie, 'a']]),
      upgrade: 'websocket',
    }),
    'GET /x HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nCookie: a\r\nC: 3\r\nX-Forwarded-For: ::1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  )
  assert.equal(
    request(text, { edits: new Map([[cookie, '']]), trailers: true, framing: CHUNKED }),
    'GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n',
  )
  assert.match(
    request(text, { trailers: true, upgrade: 'x' }),
    /\r\nUpgrade: x\r\nTE: trailers\r\nConnection: Upgrade, TE\r\n\r\n$/,
  )
})

test('a response says what its connection does, and a 101 to what it changes', () => {
  const text = 'HTTP/1.1 101 Switching\r\nUpgrade: Websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n'
  assert.equal(
    response(text, { upgrade: 'websocket', connection: 'close' }),
    'HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  )
  assert.match(response(text, { connection: 'close' }), /x\r\nConnection: close\r\n\r\n$/)
  assert.match(
    response(text, { connection: 'keep-alive', framing: { kind: 'length', length: 12 } }),
    /Content-Length: 12\r\nConnection: keep-alive\r\n\r\n$/,
  )
})

test('the room asked for is always enough', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(names, values), { maxLength: 60, size: 'max' }),
      values,
      fc.boolean(),
      (list, long, trailers) => {
        const how = {
          target: `/${'x'.repeat(long.length)}`,
          authority: long,
          added: long,
          pieces: [long, long],
          upgrade: long,
          trailers,
          framing: { kind: 'length', length: Number.MAX_SAFE_INTEGER },
        } as const
        const head = parsed(`GET / HTTP/1.1\r\n${list.map(([name, value]) => `${name}:${value}\r\n`).join('')}\r\n`)
        const all: RequestOut = {
          omits: 0,
          edits: new Map(list.map(([, value], index) => [index, value + long])),
          ...how,
        }
        const out = Buffer.alloc(200_000)
        assert.ok(writeRequest(out, 0, head, all) <= requestBound(head, all))
        assert.ok(writeRequest(out, 0, head, { ...all, edits: null }) <= requestBound(head, { ...all, edits: null }))
      },
    ),
  )
})

test('a line of our own cannot be broken out of', () => {
  for (const value of ['a\r\nb', 'a\nb', 'a\rb', 'a\0b', '\u0100', '\x7f']) {
    assert.throws(() => fieldLine('X', value), RangeError)
  }
  assert.equal(fieldLine('X', 'caf\xe9'), 'X: caf\xe9\r\n')
})
