import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'

import { at, ready, route, startApp, startFront, token } from './kit.ts'

test('a body that came with its head leaves with it, in one write', async (t) => {
  await using app = await startApp((asked, response) => asked.resume().on('end', () => response.end('read')))
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const writes = t.mock.method(net.Socket.prototype, '_write').mock
  const wire = await front.wire()
  // The second one over the connection that the first one opened.
  for (const body of ['a'.repeat(1_000), 'b'.repeat(6_000)]) {
    wire.send(
      `POST /hello/x HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    assert.equal((await wire.response()).status, 200)
    const toApp = writes.calls.filter((call) => (call.this as net.Socket).remotePort === app.port)
    assert.deepEqual(
      toApp.map((call) => (call.arguments[0] as Uint8Array).length > body.length),
      [true],
    )
    writes.resetCalls()
  }
  wire.socket.destroy()
})
