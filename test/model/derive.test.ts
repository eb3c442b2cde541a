import assert from 'node:assert/strict'
import { test } from 'node:test'

import { routeChange } from '../../src/model/derive.ts'
import { emptyFleet, type Fleet } from '../../src/model/fleet.ts'
import type { RouteChange, Target } from '../../src/model/route.ts'
import { exitOf, settings, well, World } from './world.ts'

const nothing = emptyFleet(1)
const whole = (fleet: Fleet): RouteChange => routeChange(nothing, fleet, fleet.apps.keys())
const target = (world: World): Target | undefined => whole(world.fleet).put[0]?.target

test('requests go to ready instances, wait for starting ones and are told why otherwise', () => {
  const world = new World({ v1: well, dud: { boots: null, dies: 1, obeys: 1 } })
  world.send({ type: 'settling', app: 'hello', settings: settings('hello'), source: 'apps/hello' })
  assert.equal(target(world)?.kind, 'waiting')
  world.offer('hello', 'v1')
  assert.equal(target(world)?.kind, 'waiting')
  world.pass(100)
  const upstream = { run: 1, host: '127.0.0.1', port: 40_001, pid: 10_001 }
  assert.deepEqual(target(world), { kind: 'ready', upstreams: [upstream] })
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  assert.deepEqual(target(world), { kind: 'closed', why: 'it was stopped by the operator' })
  assert.deepEqual(whole(world.fleet).drain, [1])
  world.send({ type: 'vanished', app: 'hello' })
  assert.deepEqual(whole(world.fleet).put, [])
})

test('a resting app says when a request may wake it, which is as long as its pause or two seconds after the last time', () => {
  const world = new World({ dud: { boots: null, dies: 1, obeys: 1 } })
  world.offer('hello', 'dud')
  world.pass(60_000)
  const { standing } = world.app('hello')
  assert.ok(standing.kind === 'resting' && standing.until > world.now + 5_000)
  const rests = target(world)
  assert.ok(rests?.kind === 'waiting' && rests.until !== null && rests.until <= world.now)
  assert.match(rests.why, /exited with code 1 before it was ready/)
  world.send({ type: 'wanted', app: 'hello' })
  const woken = world.now
  world.pass(100)
  const again = target(world)
  assert.ok(again?.kind === 'waiting' && again.until === woken + 2_000)
})

test('a remote app is relayed to its URL and launches nothing', () => {
  const world = new World({})
  const url = 'https://docs.example.com'
  world.send({ type: 'remote', app: 'docs', settings: settings('docs', { target: url }), url })
  world.pass(1_000)
  assert.deepEqual(target(world), { kind: 'remote', url })
  assert.equal(world.spawned.length, 0)
})

test('a fleet that is closing takes no more requests', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(100)
  world.send({ type: 'shutdown' })
  assert.deepEqual(target(world), { kind: 'closed', why: 'the gateway is shutting down' })
})

test('what changes from fleet to fleet adds up to the whole, and names no app that stayed as it was', () => {
  const routes = new Map<string, unknown>()
  const draining = new Set<number>()
  let before = nothing
  let changes = 0
  const world = new World({ v1: well, v2: well, dud: { boots: 20, dies: 50, obeys: 1 } }, 8, ({ fleet, touched }) => {
    const change = routeChange(before, fleet, touched)
    before = fleet
    changes += change.put.length
    for (const route of change.put) routes.set(route.app, route)
    for (const app of change.gone) routes.delete(app)
    for (const run of change.drain) draining.add(run)
    for (const run of change.over) assert.ok(draining.delete(run))
    const { put, drain } = whole(fleet)
    assert.deepEqual([...routes.values()], put)
    assert.deepEqual(draining, new Set(drain))
  })
  for (const app of ['one', 'two', 'three']) world.offer(app, 'v1')
  world.pass(100)
  const settled = changes
  world.send({ type: 'suspect', run: 1 })
  assert.equal(changes, settled)
  world.offer('two', 'v2')
  world.offer('three', 'dud')
  world.pass(5_000)
  world.send({ type: 'vanished', app: 'one' })
  world.pass(5_000)
  world.send({ type: 'shutdown' })
  world.pass(5_000)
  assert.ok(changes > settled)
})

test('what is stopped after it served is told, what has died by itself is not', () => {
  const told: unknown[] = []
  const world = new World({ v1: well, v2: well })
  const step = (act: () => void): void => {
    const before = world.fleet
    act()
    told.push(routeChange(before, world.fleet, ['hello']).ended ?? [])
  }
  world.offer('hello', 'v1')
  world.pass(500)
  step(() => world.send({ type: 'command', app: 'hello', verb: 'stop' }))
  step(() => world.send({ type: 'drained', run: 1 }))
  world.pass(500)
  world.send({ type: 'command', app: 'hello', verb: 'start' })
  world.pass(500)
  step(() => world.send({ type: 'exited', run: 2, exit: exitOf({ code: 1 }) }))
  assert.deepEqual(told, [[], [{ run: 1, fell: false }], []])
})
