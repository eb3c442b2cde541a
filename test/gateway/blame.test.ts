import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Delivery } from '../../src/gateway/delivery.ts'
import { Exchange } from '../../src/gateway/exchange.ts'
import { Upload } from '../../src/gateway/upload.ts'
import { at, ready, route, startFront, startRaw, token } from './kit.ts'

/** Each puts a mistake into one place of the request path, which then throws for paths with `oops` in them. */

const ask = (method: string, path: string, body = ''): string =>
  `${method} /hello/${path} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`

type Methods = Record<string, (...args: unknown[]) => unknown>

const places: readonly (readonly [what: string, part: object, method: string])[] = [
  ['the connection to the app is there', Delivery.prototype, 'linked'],
  ['the head of the response is read', Delivery.prototype, 'responded'],
  ['the body of the response is read', Delivery.prototype, 'data'],
  ['the response is whole', Delivery.prototype, 'whole'],
  ['the connection to the app is free again', Delivery.prototype, 'released'],
  ['a try has ended', Exchange.prototype, 'ended'],
  ['the app has closed', Delivery.prototype, 'lost'],
  ['the body of the request is read', Upload.prototype, 'bodyData'],
]

for (const [what, part, method] of places) {
  test(`a mistake of ours when ${what} ends that request with an entry in the journal, and no other`, async (t) => {
    await using app = await startRaw((wire) => {
      wire.socket.on('data', (data: Buffer) => {
        if (data.includes('/gone')) wire.socket.destroy()
        else wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
      })
    })
    await using front = await startFront()
    front.routes([route('hello', ready(at(1, app.port)))])
    const methods = part as Methods
    const real = methods[method] as Methods[string]
    let armed = true
    t.mock.method(methods, method, function mistaken(this: unknown, ...args: unknown[]) {
      if (!armed) return real.apply(this, args)
      armed = false
      throw new Error('a mistake')
    })
    const wire = await front.wire()
    wire.send(ask('POST', method === 'lost' ? 'gone' : 'oops', 'body'))
    await wire.untilEnded()
    assert.equal(armed, false)
    const { error } = await front.exchange((one) => one.app === 'hello' && one.target.startsWith('/hello/'))
    assert.equal(error?.code, 'internal')
    assert.match(error?.detail ?? '', /a mistake/)
    assert.doesNotMatch(wire.received, /a mistake/)
    if (wire.received !== '') assert.match(wire.received, /^HTTP\/1\.1 (500|200) /)
    const other = await front.wire()
    other.send(ask('GET', 'well'))
    assert.equal((await other.response()).body, 'hi')
  })
}
