import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Flight, Inflight } from '../../src/gateway/inflight.ts'
import { systemClock } from '../../src/lib/clock.ts'

test('a run that drains retires all its flights, also those that end at that', () => {
  const drained: number[] = []
  const inflight = new Inflight(systemClock, (run) => void drained.push(run))
  const retired: string[] = []
  for (const target of ['/a', '/b', '/c', '/d', '/e']) {
    const flight: Flight = {
      app: 'hello',
      run: 1,
      method: 'GET',
      target,
      since: 0,
      status: 200,
      slot: -1,
      traffic: { out: 0 },
      connection: { out: { isEmpty: true } },
      retire() {
        retired.push(target)
        inflight.leave(flight)
      },
      cut() {},
    }
    inflight.enter(flight, 0)
  }
  inflight.drain([1], [])
  assert.deepEqual(retired.toSorted(), ['/a', '/b', '/c', '/d', '/e'])
  assert.deepEqual(drained, [1])
  assert.equal(inflight.list().length, 0)
})
