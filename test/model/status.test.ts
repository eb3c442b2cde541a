import assert from 'node:assert/strict'
import test from 'node:test'
import type { App, Fleet } from '../../src/model/fleet.ts'
import { noAnswers } from '../../src/model/tally.ts'
import { describeFleet, type AppStatus, type StatusDocument, type StatusFacts } from '../../src/model/status.ts'
import { World, settings, well } from './world.ts'

test('an app that starts, serves, is replaced, stopped and gone is told in one word each time', () => {
  const world = new World({ slow: { ...well, boots: 500 }, stubborn: { ...well, obeys: 100 } })
  world.offer('hello', 'one')
  assert.equal(only(world).state, 'starting')
  world.pass(50)
  assert.equal(only(world).state, 'ready')
  world.offer('hello', 'slow')
  world.pass(100)
  assert.equal(only(world).state, 'replacing')
  assert.match(only(world).reason ?? '', /connection refused|an older version serves/)
  assert.equal(only(world).version, 'slow')
  world.pass(1_000)
  assert.equal(only(world).state, 'ready')
  world.offer('hello', 'stubborn')
  world.pass(1_000)
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  world.pass(20)
  assert.equal(only(world).state, 'stopping')
  world.pass(2_000)
  assert.equal(only(world).state, 'off')
  assert.deepEqual(only(world).instances, [])
})

test('a crash-looping app says how often it fell, when it starts next, and why', () => {
  const world = new World({ bad: { ...well, boots: null, dies: 5 } })
  world.offer('bad', 'bad')
  world.pass(3_000)
  const app = only(world)
  assert.equal(app.state, 'resting')
  assert.match(app.reason ?? '', /^crash-looping: \d+ falls, next start in \d+\.\ds: /)
  assert.ok(app.falls.total >= 3)
  assert.ok(Date.parse(app.falls.last?.at ?? '') <= facts(world).wall)
})

test('one instance of two that falls makes the app degraded, with the reason', () => {
  const world = new World({})
  world.offer('pair', 'one', { instances: 2 })
  world.pass(100)
  assert.equal(only(world).state, 'ready')
  for (let i = 0; i < 2; i += 1) {
    world.die(only(world).instances[0]?.run ?? 0)
    if (i === 0) world.pass(100)
  }
  assert.equal(only(world).state, 'degraded')
  assert.match(only(world).reason ?? '', /^1 of 2 instances are ready: /)
})

test('a refused file, a rejected version and a remote host say so', () => {
  const world = new World({ broken: { ...well, boots: null, dies: 5 } })
  world.send({
    type: 'refused',
    app: 'empty',
    settings: settings('empty'),
    source: 'apps/empty',
    reason: 'it is empty',
  })
  assert.deepEqual([only(world).state, only(world).reason], ['refused', 'it is empty'])
  world.send({ type: 'vanished', app: 'empty' })
  world.offer('hello', 'one')
  world.pass(100)
  world.offer('hello', 'broken')
  world.pass(500)
  const rejected = only(world)
  assert.equal(rejected.state, 'ready')
  assert.equal(rejected.version, 'one')
  assert.equal(rejected.rejected?.version, 'broken')
  world.send({ type: 'vanished', app: 'hello' })
  world.pass(5_000)
  world.send({ type: 'remote', app: 'docs', settings: settings('docs'), url: 'https://user:secret@docs.example.com' })
  assert.equal(only(world).state, 'remote')
  assert.equal(only(world).source, 'https://docs.example.com')
})

test('an instance is told with its run, pid, port and age', () => {
  const world = new World({})
  world.offer('hello', 'one')
  world.pass(1_021)
  const [instance] = only(world).instances
  assert.equal(instance?.state, 'ready')
  assert.deepEqual([instance?.pid, instance?.port, instance?.host], [10_001, 40_001, '127.0.0.1'])
  assert.equal(instance?.uptime, 1_021)
})

test('URLs are those of the main listener, by path and by name', () => {
  const world = new World({})
  const base = settings('hello')
  world.offer('hello', 'one')
  assert.equal(only(world).url, 'http://localhost:8080/hello/')
  assert.equal(only(world).hostUrl, 'http://hello.localhost:8080/')
  world.offer('hello', 'one', { route: { ...base.route, path: '/', hosts: [] } })
  assert.equal(only(world).url, 'http://localhost:8080/')
  assert.equal(only(world).hostUrl, null)
})

test('apps are in the order of their names, and no value of an environment is told', () => {
  const world = new World({})
  for (const name of ['zulu', 'alpha', 'mike']) world.offer(name, name, { env: { PASSWORD: 'hunter2' } })
  const status = describe(world.fleet, world)
  assert.deepEqual(
    status.apps.map(({ name }) => name),
    ['alpha', 'mike', 'zulu'],
  )
  assert.doesNotMatch(JSON.stringify(status), /hunter2/)
})

test('an app that has left but still drains is stopping', () => {
  const app: App = {
    name: 'old',
    settings: settings('old'),
    source: 'apps/old',
    standing: { kind: 'gone' },
    current: null,
    good: null,
    cover: false,
    trial: null,
    record: noAnswers,
    apart: null,
    rejected: null,
    falls: { streak: 0, total: 0, last: null, woken: 0, wished: false },
    due: null,
    recycled: 0,
    coped: { replayed: 0, held: 0 },
    suspicions: null,
    instances: [],
  }
  const fleet = { ...new World({}).fleet, apps: new Map([['old', app]]), closing: true }
  const status = describe(fleet, new World({}))
  assert.equal(status.apps[0]?.state, 'stopping')
  assert.equal(status.closing, true)
})

function only(world: World): AppStatus {
  const { apps } = describe(world.fleet, world)
  const app = apps.at(-1)
  assert.ok(app)
  return app
}

function describe(fleet: Fleet, world: World): StatusDocument {
  return describeFleet(fleet, facts(world))
}

function facts({ now }: World): StatusFacts {
  return {
    version: '1.2.3',
    pid: 42,
    url: 'http://localhost:8080/',
    adminUrl: 'http://127.0.0.1:8081/',
    now,
    startedAt: 0,
    wall: 1_800_000_000_000,
    waitingFor: [],
    usage: () => ({ memory: 2 ** 25, cpu: 40 }),
  }
}
