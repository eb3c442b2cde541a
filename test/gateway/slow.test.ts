import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'

import { takenFrom } from '../../src/gateway/taken.ts'
import { type Course, lateUpload, lookAgain } from '../../src/gateway/upload.ts'

const timeouts = { head: 15_000, body: 100, bodyRate: 1, keepAlive: 5_000, stall: 250, tunnel: 0 }

test('an app that takes a part of what is written to it all the time is not taken for one that takes nothing', () => {
  const course: Course = { seen: 0, taken: 0, stuck: 0, came: 0, time: 0 }
  const late = (taken: number): string | undefined => {
    return lateUpload(course, { received: 262_144, isPaused: true }, false, timeouts, taken)?.code
  }
  const looks = [65_536, 65_537, 65_538, 65_539, 65_539, 65_539, 65_539]
  const dead = 'response-timeout'
  assert.deepEqual(looks.map(late), [undefined, undefined, undefined, undefined, undefined, undefined, dead])
})

test('an app that takes nothing is noticed after `stall`, also where a body may be slower than that', () => {
  const course: Course = { seen: 0, taken: 0, stuck: 0, came: 0, time: 0 }
  const own = { ...timeouts, body: 1_000, bodyRate: 100, stall: 250 }
  const late = (received: number, isPaused: boolean): string | undefined => {
    return lateUpload(course, { received, isPaused }, false, own, 0)?.code
  }
  assert.equal(lookAgain(own), 250)
  assert.deepEqual([late(1, true), late(1, true)], [undefined, 'response-timeout'])
  // A client has all of its time, and its rate is that of all of it; what passes while nobody takes its bytes is not counted.
  assert.deepEqual(
    [late(1, false), late(1, false), late(1, false), late(101, false)],
    [undefined, undefined, undefined, undefined],
  )
  assert.deepEqual([late(200, false), late(200, false), late(201, true)], [undefined, undefined, undefined])
  const slow = [202, 202, 202, 202].map((received) => late(received, false))
  assert.deepEqual(slow, [undefined, undefined, undefined, 'request-timeout'])
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
