import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'

import { at, type Front, ready, route, startCanned, startFront, token } from './kit.ts'

const size = 8 * 1024 * 1024
const large = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`
const ask = (field: string): string => `GET /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n${field}\r\n`

/** What comes up to the end, which has to be a FIN. It begins to read only when all was said, `more` after `bytes`. */
async function readAll(front: Front, bytes: string, more: string): Promise<string> {
  const { socket } = await front.wire()
  const client = net.connect({ port: socket.remotePort ?? 0, host: socket.remoteAddress ?? '', allowHalfOpen: true })
  socket.destroy()
  await once(client, 'connect')
  client.write(bytes)
  // Over some time: whatever of it comes behind the end would be answered with a reset, and what is unread be lost.
  for (const character of more) {
    client.write(character)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const pieces: Buffer[] = []
  client.on('data', (piece: Buffer) => pieces.push(piece))
  await once(client, 'end')
  client.destroy()
  return Buffer.concat(pieces).toString('latin1')
}

test('a connection that its client lets close ends behind the whole of its response', async () => {
  await using app = await startCanned(large)
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const text = await readAll(front, ask('Connection: close\r\n'), '')
  assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, size)
})

test('who says more behind its last request still gets the response, and no reset', async () => {
  await using app = await startCanned('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, app.port)))])
  const text = await readAll(front, `${ask('Connection: close\r\n')}GET`, ' more'.repeat(30))
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/)
})
