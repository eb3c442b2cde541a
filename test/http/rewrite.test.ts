import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  cookieOf,
  type Field,
  responseFields,
  trailerFields,
  validTraceparent,
  withoutCookie,
} from '../../src/http/rewrite.ts'

test('responseFields removes hop-by-hop and nominated fields', () => {
  const fields: Field[] = [
    ['Connection', 'close, X-Hop'],
    ['X-Hop', '1'],
    ['Keep-Alive', 'timeout=5'],
    ['Proxy-Connection', 'x'],
    ['Upgrade', 'h2c'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['X-End', '2'],
  ]
  assert.deepEqual(responseFields(fields), fields.slice(5))
})

test('trailerFields lets nothing through that frames, routes or authenticates', () => {
  const kept: Field[] = [
    ['X-Checksum', '1'],
    ['grpc-status', '0'],
  ]
  const dropped = [
    'Content-Length',
    'Transfer-Encoding',
    'Host',
    'Authorization',
    'Set-Cookie',
    'Trailer',
    'X-Auth-Subject',
  ]
  assert.deepEqual(trailerFields([...dropped.map((name): Field => [name, 'x']), ...kept]), kept)
})

test('withoutCookie removes one cookie and no other', () => {
  const rest = (cookie: string): string => withoutCookie(cookie, 'quaymaster-80')
  assert.equal(rest('quaymaster-80=secret'), '')
  assert.equal(rest('a=1; quaymaster-80=secret; b=2'), 'a=1; b=2')
  assert.equal(rest('quaymaster-80=s; quaymaster-80=t; b=2'), 'b=2')
  assert.equal(rest('quaymaster-8080=x; a="q;quaymaster-80=t"'), 'quaymaster-8080=x; a="q')
  assert.equal(rest('a=1;b=2'), 'a=1;b=2')
})

test('a traceparent is valid in its known shape only', () => {
  const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  assert.equal(validTraceparent(valid), true)
  const zeros = [valid.replace(/-\w{32}-/, `-${'0'.repeat(32)}-`), valid.replace(/-\w{16}-/, `-${'0'.repeat(16)}-`)]
  for (const bad of ['', 'x', valid.toUpperCase(), ...zeros, valid.replace(/^00/, 'ff'), `${valid}-more`])
    assert.equal(validTraceparent(bad), false, bad)
})

test('cookieOf finds the first cookie of exactly that name', () => {
  assert.equal(cookieOf([['Cookie', 'xa=0; a=1; a=2']], 'a'), '1')
  assert.equal(
    cookieOf(
      [
        ['cookie', 'b=1'],
        ['Cookie', 'a=2'],
      ],
      'a',
    ),
    '2',
  )
  assert.equal(cookieOf([['Cookie', 'a']], 'a'), null)
})
