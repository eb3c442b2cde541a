import assert from 'node:assert/strict'
import { test } from 'node:test'

import { describeWaiting } from '../../src/model/waiting.ts'
import { World } from './world.ts'

test('a shutdown names the requests and the processes it waits for', () => {
  const world = new World({ deaf: { boots: 10, dies: null, obeys: null } })
  world.offer('clock', 'deaf')
  world.pass(100)
  const inflight = [
    { app: 'clock', run: 1, age: 12_100 },
    { app: 'clock', run: 1, age: 300 },
  ]
  assert.deepEqual(describeWaiting(world.fleet, inflight), ['clock (2 requests, 12s)'])
  world.send({ type: 'shutdown' })
  world.pass(100)
  assert.deepEqual(describeWaiting(world.fleet, []), ['clock (process 10001, told to stop)'])
  world.pass(1_000)
  assert.match(describeWaiting(world.fleet, [])[0] ?? 'nothing', /being killed|nothing/)
})
