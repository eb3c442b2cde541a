import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually } from '../support/wait.ts'
import { startFront } from './kit.ts'

const question = 'GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n'

test('who comes before the routes are known takes room as others do', async () => {
  // Room for 8 sockets.
  await using front = await startFront({ waits: true, files: 72 })
  const early = await Promise.all(Array.from({ length: 12 }, () => front.wire()))
  await eventually(() => early.filter(({ ended }) => ended).length === 4, { what: 'the end of those beyond the room' })
  const waiting = early.filter(({ ended }) => !ended)
  for (const wire of waiting) wire.send(question)
  front.gateway.open()
  for (const wire of waiting) assert.equal((await wire.response()).status, 200)
  for (const wire of waiting) wire.socket.destroy()
  const late = await Promise.all(Array.from({ length: 8 }, () => front.wire()))
  for (const wire of late) wire.send(question)
  for (const wire of late) assert.equal((await wire.response()).status, 200)
})
