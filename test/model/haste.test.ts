import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hasty } from '../../src/model/haste.ts'
import { World } from './world.ts'

test('that an app hangs up too soon is noted once a run, however many say so, and not of one that has ended', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(1_000)
  const [{ run } = { run: 0 }] = world.app('hello').instances
  for (const said of [run, run, run + 1]) world.send({ type: 'hasty', run: said })
  const [instance] = world.app('hello').instances
  assert.equal(instance?.state === 'ready' ? instance.note : null, hasty)
  world.die(run)
  world.send({ type: 'hasty', run })
  world.pass(5_000)
  const [next] = world.app('hello').instances
  assert.equal(next?.state === 'ready' ? next.note : '', null)
})
