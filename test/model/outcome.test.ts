import assert from 'node:assert/strict'
import { test } from 'node:test'

import { objection, outcomeOf } from '../../src/model/outcome.ts'
import { launch, settings, type Temper, well, World } from './world.ts'

const dud: Temper = { boots: null, dies: 5, obeys: 5 }

function restarted(world: World): () => ReturnType<typeof outcomeOf> {
  const since = world.now
  world.send({ type: 'command', app: 'hello', verb: 'restart' })
  const mine = world.app('hello').current
  return () => outcomeOf(world.fleet.apps.get('hello'), 'restart', mine, since)
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

test('what is replaced before it was ready is told so, and what had served first is not', () => {
  const world = new World({ v1: well, v2: { ...well, boots: 300 }, v3: { ...well, boots: 300 } })
  world.offer('hello', 'v1')
  world.pass(500)
  world.offer('hello', 'v2')
  const { now } = world
  const second = world.app('hello').current
  world.pass(100)
  world.offer('hello', 'v3')
  const third = world.app('hello').current
  const outcome = (mine: typeof third): unknown => outcomeOf(world.fleet.apps.get('hello'), 'restart', mine, now)
  const reason = 'superseded by version v3 before it was ready'
  assert.deepEqual(outcome(second), { decided: true, ok: false, reason })
  assert.deepEqual(outcome(third), { decided: false })
  world.pass(500)
  assert.deepEqual(outcome(second), { decided: true, ok: false, reason })
  assert.deepEqual(outcome(third), { decided: true, ok: true, state: 'ready' })
  world.offer('hello', 'v2')
  assert.equal((outcome(third) as { ok?: boolean }).ok, true)
})

test('of two restarts of the same the first has succeeded with the second', () => {
  const world = new World({ v1: { ...well, boots: 100 } })
  world.offer('hello', 'v1')
  world.pass(500)
  const first = restarted(world)
  restarted(world)
  assert.deepEqual(first(), { decided: false })
  world.pass(500)
  assert.deepEqual(first(), { decided: true, ok: true, state: 'ready' })
})

test('a rollback succeeds though another one to the same version comes meanwhile, and not when one to another does', () => {
  const world = new World({ v1: { ...well, boots: 100 }, v2: { ...well, boots: 100 }, v3: { ...well, boots: 100 } })
  world.offer('hello', 'v3')
  world.pass(500)
  const back = (version: string): (() => ReturnType<typeof outcomeOf>) => {
    const rejected = { version: 'v3', reason: 'rolled back by the operator', at: world.now }
    world.send({ type: 'offered', app: 'hello', settings: settings('hello'), launch: launch(version), rejected })
    const [mine, since] = [world.app('hello').current, world.now + 1]
    world.pass(10)
    return () => outcomeOf(world.fleet.apps.get('hello'), 'restart', mine, since)
  }
  const [first, second] = [back('v2'), back('v2')]
  assert.deepEqual([first(), second()], [{ decided: false }, { decided: false }])
  world.pass(500)
  assert.deepEqual(first(), { decided: true, ok: true, state: 'ready' })
  assert.deepEqual(second(), { decided: true, ok: true, state: 'ready' })
  const third = back('v1')
  back('v3')
  const reason = 'superseded by version v3 before it was ready'
  assert.deepEqual(third(), { decided: true, ok: false, reason })
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
