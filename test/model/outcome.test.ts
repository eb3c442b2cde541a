import assert from 'node:assert/strict'
import { test } from 'node:test'

import { objection, outcomeOf } from '../../src/model/outcome.ts'
import { settings, type Temper, well, World } from './world.ts'

const dud: Temper = { boots: null, dies: 5, obeys: 5 }

function restarted(world: World): () => ReturnType<typeof outcomeOf> {
  const since = world.now
  world.send({ type: 'command', app: 'hello', verb: 'restart' })
  const generation = world.app('hello').current?.generation ?? null
  return () => outcomeOf(world.fleet.apps.get('hello'), 'restart', generation, since)
}

test('a restart has succeeded once the new run is ready, not while the old one still serves', () => {
  const world = new World({ v1: { ...well, boots: 100 } })
  world.offer('hello', 'v1')
  world.pass(500)
  const outcome = restarted(world)
  assert.deepEqual(outcome(), { decided: false })
  world.pass(500)
  assert.deepEqual(outcome(), { decided: true, ok: true, state: 'ready' })
})

test('a restart that falls is told with its reason, whether or not an older run serves on', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1')
  world.pass(500)
  world.tempers.set('v1', dud)
  const outcome = restarted(world)
  world.pass(500)
  const told = outcome()
  assert.ok(told.decided && !told.ok)
  assert.match(told.reason, /exited with code 1 before it was ready/)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
})

test('a stop is done when nothing is left', () => {
  const world = new World({ v1: { ...well, obeys: 300 } })
  world.offer('hello', 'v1')
  world.pass(500)
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  const outcome = (): unknown => outcomeOf(world.fleet.apps.get('hello'), 'stop', null, 0)
  world.pass(100)
  assert.deepEqual(outcome(), { decided: false })
  world.pass(500)
  assert.deepEqual(outcome(), { decided: true, ok: true, state: 'off' })
})

test('an app that cannot be commanded says why', () => {
  const world = new World({})
  world.send({ type: 'refused', app: 'a', settings: settings('a'), source: 'apps/a', reason: 'empty file' })
  assert.equal(objection(world.app('a')), 'empty file')
  const url = 'https://docs.example.com'
  world.send({ type: 'remote', app: 'b', settings: settings('b', { target: url }), url })
  assert.match(objection(world.app('b')) ?? '', /relayed to/)
  world.offer('c', 'v1')
  assert.equal(objection(world.app('c')), null)
})
