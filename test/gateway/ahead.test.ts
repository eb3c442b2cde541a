import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'

import { feel } from '../../src/gateway/ahead.ts'
import { Outlet } from '../../src/gateway/outlet.ts'
import { NONE } from '../../src/http/framing.ts'
import { patience, within } from '../support/wait.ts'
import { connected } from './pair.ts'

/** What it sent is more than is held, so that only a write can tell. */
const full = { isFull: true, extend: (): void => {} }

for (const isFull of [false, true])
  test(`a client that nobody reads, and whose kernel is ${isFull ? '' : 'not '}full, is felt to leave`, async (t) => {
    await using pair = await connected()
    // Ours is the end that has not begun to read.
    const { near: client, far: socket } = pair
    socket.on('error', () => {})
    const out = new Outlet(socket)
    for (let count = 0; isFull === out.isEmpty; count++) {
      assert.ok(count < 10_000, 'the kernel takes everything')
      out.text('x'.repeat(9_000), NONE)
      out.flush()
    }
    const written = t.mock.method(socket, 'write')
    for (let beat = 0; beat < 10; beat++) feel(socket, out, full)
    assert.equal(written.mock.callCount(), isFull ? 0 : 10)
    const gone = new Promise((resolve) => socket.once('close', resolve))
    client.resetAndDestroy()
    await once(client, 'close')
    feel(socket, out, full)
    await within(gone, patience, 'the end of the connection')
  })
