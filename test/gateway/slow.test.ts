import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'

import { takenFrom } from '../../src/gateway/taken.ts'
import { type Course, lateUpload } from '../../src/gateway/upload.ts'

const timeouts = { head: 15_000, body: 100, bodyRate: 1, keepAlive: 5_000, stall: 250, tunnel: 0 }

test('an app that takes a part of what is written to it all the time is not taken for one that takes nothing', () => {
  const course: Course = { seen: 0, taken: 0, stuck: 0 }
  const late = (taken: number): string | undefined => {
    return lateUpload(course, { received: 262_144, isPaused: true }, false, timeouts, taken)?.code
  }
  const looks = [65_536, 65_537, 65_538, 65_539, 65_539, 65_539, 65_539]
  const dead = 'response-timeout'
  assert.deepEqual(looks.map(late), [undefined, undefined, undefined, undefined, undefined, undefined, dead])
})

test('what the kernel has taken is counted while one long write goes on', async (t) => {
  const long = 64_000_000
  const { promise: accepted, resolve } = Promise.withResolvers<net.Socket>()
  const door = net.createServer({ pauseOnConnect: true }, resolve).listen(0, '127.0.0.1')
  await once(door, 'listening')
  const socket = net.connect((door.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => socket.destroy() && door.close())
  await once(socket, 'connect')
  const reader = await accepted
  t.after(() => reader.destroy())
  const over = new Promise<void>((done) => socket.write(Buffer.alloc(long), () => done()))
  const first = takenFrom(socket)
  assert.ok(first > 0 && first < long, `${first}`)
  let got = 0
  await new Promise<void>((more) => {
    reader.on('data', (piece: Buffer) => {
      got += piece.length
      if (got > first) more()
    })
    reader.resume()
  })
  assert.ok(takenFrom(socket) > first)
  await over
  assert.equal(takenFrom(socket), long)
})
