import assert from 'node:assert/strict'
import { test } from 'node:test'

import { deriveRoutes } from '../../src/model/derive.ts'
import type { Target } from '../../src/model/route.ts'
import { settings, well, World } from './world.ts'

const target = (world: World): Target | undefined => deriveRoutes(world.fleet).routes[0]?.target

test('requests go to ready instances, wait for starting ones and are told why otherwise', () => {
  const world = new World({ v1: well, dud: { boots: null, dies: 1, obeys: 1 } })
  world.send({ type: 'settling', app: 'hello', settings: settings('hello'), source: 'apps/hello' })
  assert.equal(target(world)?.kind, 'waiting')
  world.offer('hello', 'v1')
  assert.equal(target(world)?.kind, 'waiting')
  world.pass(100)
  assert.deepEqual(target(world), { kind: 'ready', upstreams: [{ run: 1, host: '127.0.0.1', port: 40_001 }] })
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  assert.deepEqual(target(world), { kind: 'closed', why: 'it was stopped by the operator' })
  assert.deepEqual(deriveRoutes(world.fleet).draining, [1])
  world.send({ type: 'vanished', app: 'hello' })
  assert.deepEqual(deriveRoutes(world.fleet).routes, [])
})

test('a resting app says until when', () => {
  const world = new World({ dud: { boots: null, dies: 1, obeys: 1 } })
  world.offer('hello', 'dud')
  world.pass(15_000)
  const it = target(world)
  assert.ok(it?.kind === 'waiting' && it.until !== null && it.until > world.now)
  assert.match(it.why, /exited with code 1 before it was ready/)
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
