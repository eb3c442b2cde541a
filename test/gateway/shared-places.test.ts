import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Counts, memoryOf } from '../../src/gateway/shared-counts.ts'
import { SharedPlaces } from '../../src/gateway/shared-places.ts'
import { eventually } from '../support/wait.ts'
import { route, startFront, token, waiting } from './kit.ts'

for (const isBack of [false, true])
  test(`who waits for an app that is removed${isBack ? ' and is back at once' : ''} gives back the place it had taken`, async () => {
    const memory = memoryOf(1)
    const places = new SharedPlaces(memory, 1)
    const counts = new Counts(memory, 0)
    await using front = await startFront({ places })
    places.name({ apps: [['hello', 0]], runs: [] })
    front.routes([route('hello', waiting, { hold: { for: 60_000, max: 50 } })])
    // More than are let go at once.
    const wires = await Promise.all(Array.from({ length: 20 }, () => front.wire()))
    for (const wire of wires) wire.send(`GET /hello/x HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n\r\n`)
    await eventually(() => counts.total(0) === 20, { what: 'all of them to wait' })
    // As a thread does it.
    front.routes([])
    places.forget('hello')
    if (isBack) {
      places.name({ apps: [['hello', 1]], runs: [] })
      front.routes([route('hello', { kind: 'closed', why: 'off' })])
    }
    for (const wire of wires) assert.ok([404, 503].includes((await wire.response()).status))
    assert.deepEqual([counts.total(0), counts.total(1), counts.of(1, 0), counts.of(1, 1)], [0, 0, 0, 0])
    // All are free, and can be taken.
    const [app, column] = isBack ? ['hello', 1] : ['other', 0]
    places.name({ apps: [[app, column]], runs: [] })
    front.routes([route(app, waiting, { hold: { for: 60_000, max: 1 } })])
    const next = await front.wire()
    next.send(`GET /${app}/x HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n\r\n`)
    await eventually(() => counts.total(column) === 1, { what: 'the next to wait' })
    assert.equal((await front.ask(`GET /${app}/x`)).status, 503)
  })
