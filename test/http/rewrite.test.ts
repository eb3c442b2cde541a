import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  cookieOf,
  type Field,
  type Forwarding,
  requestFields,
  responseFields,
  trailerFields,
} from '../../src/http/rewrite.ts'

const how: Forwarding = {
  method: 'GET',
  host: 'h',
  publicHost: 'h',
  publicPort: 80,
  proto: 'http',
  client: '192.0.2.1',
  prefix: '/hello',
  requestId: 'id',
  traceparent: 'new',
  subject: null,
  dropAuthorization: false,
  cookie: 'quaymaster-80',
}

function through(received: Field[], more: Partial<Forwarding> = {}): Field[] {
  return requestFields(received, { ...how, ...more })
}

function get(fields: readonly Field[], name: string): string[] {
  return fields.filter(([it]) => it.toLowerCase() === name).map(([, value]) => value)
}

describe('requestFields', () => {
  const removed = [
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'Proxy-Authenticate',
    'Transfer-Encoding',
    'Content-Length',
    'Trailer',
    'Upgrade',
    'HTTP2-Settings',
    'Expect',
    'Forwarded',
    'X-Forwarded-User',
    'X-Forwarded-Server',
    'X-Auth-Subject',
    'X-Auth-Scopes',
    'X-Auth-Anything',
    'X-Real-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-API-Token',
    'Proxy',
    'Remote-User',
    'X_Forwarded_For',
    'X.Forwarded.For',
    'x_auth_subject',
    'X_Auth.Subject',
    'X_Real_IP',
    'X_Request_Id',
    'Transfer_Encoding',
    'Content_Length',
    'X_API_Token',
  ]
  for (const name of removed) {
    test(`removes ${name}`, () => {
      const fields = through([[name, 'spoof']])
      assert.ok(!fields.some(([it, value]) => it === name && value === 'spoof'))
      assert.ok(!fields.some(([, value]) => value === 'spoof'))
    })
  }

  test('keeps everything else, in order, in its spelling, repeated or not', () => {
    const kept: Field[] = [
      ['accept', 'a'],
      ['X-Odd', 'caf\xe9'],
      ['x-odd', 'again'],
      ['Accept', 'b'],
      ['My_Field', 'u'],
      ['Content-Type', 't'],
      ['X-Forwardedness', 'y'],
    ]
    assert.deepEqual(through(kept).slice(1, 1 + kept.length), kept)
  })

  test('removes what Connection nominates, from every line of it', () => {
    const fields = through([
      ['Connection', ''],
      ['Connection', 'close, X-Foo'],
      ['X-Foo', '1'],
      ['connection', 'x-bar'],
      ['X-BAR', '2'],
      ['X-Baz', '3'],
    ])
    assert.deepEqual([get(fields, 'x-foo'), get(fields, 'x-bar'), get(fields, 'x-baz')], [[], [], ['3']])
  })

  test('what Connection nominates cannot be what we add, nor the Host', () => {
    const fields = through([['Connection', 'X-Forwarded-For, Host, X-Request-Id, Via, X-Auth-Subject']], {
      subject: 'me',
    })
    assert.deepEqual(get(fields, 'x-forwarded-for'), ['192.0.2.1'])
    assert.deepEqual(get(fields, 'host'), ['h'])
    assert.deepEqual(get(fields, 'x-request-id'), ['id'])
    assert.deepEqual(get(fields, 'x-auth-subject'), ['me'])
    assert.deepEqual(get(fields, 'via'), ['1.1 quaymaster'])
  })

  test('keeps of TE only that trailers are welcome', () => {
    assert.deepEqual(get(through([['TE', 'gzip, trailers']]), 'te'), ['trailers'])
    assert.deepEqual(get(through([['TE', 'gzip']]), 'te'), [])
  })

  test('removes our cookie and no other', () => {
    const rest = (cookie: string): string[] => get(through([['Cookie', cookie]]), 'cookie')
    assert.deepEqual(rest('quaymaster-80=secret'), [])
    assert.deepEqual(rest('a=1; quaymaster-80=secret; b=2'), ['a=1; b=2'])
    assert.deepEqual(rest('quaymaster-80=s; quaymaster-80=t; b=2'), ['b=2'])
    assert.deepEqual(rest('quaymaster-8080=x; a="q;quaymaster-80=t"'), ['quaymaster-8080=x; a="q'])
    assert.deepEqual(rest('a=1;b=2'), ['a=1;b=2'])
  })

  test('removes Authorization only when it is ours', () => {
    const basic: Field[] = [['Authorization', 'Basic eA==']]
    assert.deepEqual(get(through(basic), 'authorization'), ['Basic eA=='])
    assert.deepEqual(get(through(basic, { dropAuthorization: true }), 'authorization'), [])
  })

  test('keeps a valid trace and starts a new one otherwise', () => {
    const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const state: Field = ['tracestate', 'a=1']
    assert.deepEqual(get(through([['traceparent', valid], state]), 'traceparent'), [valid])
    assert.deepEqual(get(through([['traceparent', valid], state]), 'tracestate'), ['a=1'])
    for (const bad of [
      '',
      'x',
      valid.toUpperCase(),
      valid.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
      valid.replace('00f067aa0ba902b7', '0'.repeat(16)),
      valid.replace(/^00/, 'ff'),
      `${valid}-more`,
    ]) {
      const fields = through([['traceparent', bad], state])
      assert.deepEqual(get(fields, 'traceparent'), ['new'], bad)
      assert.deepEqual(get(fields, 'tracestate'), [], bad)
    }
    assert.deepEqual(
      get(
        through([
          ['traceparent', valid],
          ['Traceparent', valid],
        ]),
        'traceparent',
      ),
      ['new'],
    )
  })

  test('counts Max-Forwards of OPTIONS down', () => {
    assert.deepEqual(get(through([['Max-Forwards', '3']], { method: 'OPTIONS' }), 'max-forwards'), ['2'])
    assert.deepEqual(get(through([['Max-Forwards', '3']]), 'max-forwards'), ['3'])
  })
})

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
