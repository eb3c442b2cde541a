import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { isOff } from '../../src/model/fleet.ts'
import { isAlive } from '../../src/model/instance.ts'
import { noAnswers } from '../../src/model/tally.ts'
import { launch, settings, type Temper, well, World } from './world.ts'

const dud: Temper = { boots: null, dies: 5, obeys: 5 }
const mute: Temper = { boots: null, dies: null, obeys: 5 }
const deaf: Temper = { boots: 20, dies: null, obeys: null }

test('an offered app is started, probed and ready', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1')
  world.pass(100)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.app('hello').good?.launch.version, 'v1')
})

test('a crash after healthy service is answered by a start in the same instant', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1')
  world.pass(10_000)
  const before = world.spawned.length
  const crashed = world.now
  world.die(1)
  assert.equal(world.spawned.length, before + 1)
  assert.equal(world.spawned.at(-1)?.at, crashed)
})

test('a crash loop of an hour is slowed down to the maximum and never given up', () => {
  const world = new World({ v1: { boots: null, dies: 5, obeys: 5 } })
  world.offer('hello', 'v1')
  world.pass(60_000)
  const inFirstMinute = world.spawned.length
  assert.ok(inFirstMinute <= 13, `${inFirstMinute} starts in the first minute`)
  world.pass(3_540_000)
  const total = world.spawned.length
  assert.ok(total >= 100 && total <= 180, `${total} starts in an hour`)
})

test('an app that crashes a second after each ready is back at once every time: it served meanwhile', () => {
  const world = new World({ v1: { boots: 20, dies: 1_200, obeys: 5 } })
  world.offer('hello', 'v1')
  world.pass(60_000)
  assert.ok(world.spawned.length >= 40, `${world.spawned.length} starts`)
})

test('healthy time forgives earlier falls', () => {
  const tempers: Record<string, Temper> = { v1: dud }
  const world = new World(tempers)
  world.offer('hello', 'v1')
  world.pass(20_000)
  assert.equal(world.app('hello').standing.kind, 'resting')
  world.tempers.set('v1', well)
  world.pass(60_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  world.pass(30_000)
  const run = world.app('hello').instances[0]?.run ?? 0
  world.die(run)
  assert.equal(world.app('hello').falls.streak, 1)
  assert.equal(world.app('hello').standing.kind, 'on')
})

test('a request wakes a resting app early, but only once in two seconds', () => {
  const world = new World({ v1: dud })
  world.offer('hello', 'v1')
  world.pass(20_000)
  const before = world.spawned.length
  for (let i = 0; i < 100; i++) {
    world.send({ type: 'wanted', app: 'hello' })
    world.pass(10)
  }
  assert.equal(world.spawned.length, before + 1)
})

test('a wish that comes too early wakes a resting app as soon as it may, and once', () => {
  const world = new World({ v1: dud })
  world.offer('hello', 'v1')
  world.pass(60_000)
  world.send({ type: 'wanted', app: 'hello' })
  const woken = world.spawned.length
  world.pass(500)
  world.send({ type: 'wanted', app: 'hello' })
  assert.equal(world.spawned.length, woken)
  world.pass(1_499)
  assert.equal(world.spawned.length, woken)
  world.pass(1)
  assert.equal(world.spawned.length, woken + 1)
  world.pass(10_000)
  assert.equal(world.spawned.length, woken + 1)
})

test('a wish that comes before the rest, while the app still starts, ends the rest', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1', { restart: { min: 20_000, max: 30_000, forgive: 1_000 } })
  world.pass(900)
  world.die(1)
  world.send({ type: 'wanted', app: 'hello' })
  world.pass(10)
  world.die(2)
  world.pass(100)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.spawned.length, 3)
  // What was asked for is there: the next rest is not cut short by the same wish.
  world.die(3)
  world.pass(10_000)
  assert.equal(world.spawned.length, 3)
})

test('an app that is asked for all the time does not start more often than every two seconds and its back-off', () => {
  const world = new World({ v1: dud })
  world.offer('hello', 'v1')
  for (let i = 0; i < 6_000; i++) {
    world.send({ type: 'wanted', app: 'hello' })
    world.pass(10)
  }
  assert.ok(world.spawned.length >= 30 && world.spawned.length <= 45, `${world.spawned.length} starts in a minute`)
})

test('a never-ready app costs one fall for each boot deadline, not one for each tick', () => {
  const world = new World({ v1: { ...mute, obeys: null } })
  world.offer('hello', 'v1')
  world.pass(20_000)
  assert.ok(world.spawned.length <= 5, `${world.spawned.length} starts`)
  assert.match(world.app('hello').falls.last?.reason ?? '', /not ready within 5s/)
})

test('a new version serves before the old one is told to go', () => {
  const world = new World({ v1: well, v2: { ...well, boots: 500 } })
  world.offer('hello', 'v1')
  world.pass(100)
  world.offer('hello', 'v2')
  world.pass(400)
  assert.deepEqual(world.states('hello'), ['v1:ready', 'v2:starting'])
  world.pass(300)
  assert.deepEqual(world.states('hello'), ['v2:ready'])
})

for (const [name, temper] of Object.entries({
  'exits at once': dud,
  'never listens': mute,
  'cannot be spawned': { ...dud, unspawnable: true },
})) {
  test(`a new version that ${name} is rejected with its reason, the old one keeps serving, a good third one is taken`, () => {
    const world = new World({ v1: well, bad: temper, v3: well })
    world.offer('hello', 'v1')
    world.pass(100)
    world.offer('hello', 'bad')
    world.pass(7_000)
    assert.deepEqual(world.states('hello'), ['v1:ready'])
    assert.equal(world.app('hello').rejected?.version, 'bad')
    assert.equal(world.spawned.filter((it) => it.version === 'bad').length, 1)
    world.offer('hello', 'v3')
    world.pass(100)
    assert.deepEqual(world.states('hello'), ['v3:ready'])
    assert.equal(world.app('hello').rejected, null)
  })
}

test('an app that insists on its own port is replaced in turn, not side by side', () => {
  const world = new World({ v1: { ...well, insistsOn: 3000 }, v2: { ...well, insistsOn: 3000 }, v3: well })
  world.offer('hello', 'v1')
  world.pass(100)
  world.offer('hello', 'v2')
  world.pass(500)
  assert.deepEqual(world.states('hello'), ['v2:ready'])
  assert.equal(world.app('hello').rejected, null)
  world.offer('hello', 'v3')
  world.pass(500)
  assert.deepEqual(world.states('hello'), ['v3:ready'])
})

test('an app that insists on its own port gets its old version back when the new one is bad', () => {
  const world = new World({ v1: { ...well, insistsOn: 3000 }, v2: { ...well, insistsOn: 3000 } })
  world.offer('hello', 'v1')
  world.pass(100)
  world.offer('hello', 'v2')
  while (world.app('hello').apart === null) world.pass(1)
  world.tempers.set('v2', dud)
  world.pass(5_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.match(world.app('hello').rejected?.reason ?? '', /exited with code 1/)
})

test('a proven version that dies while its successor boots is started again beside it', () => {
  const world = new World({ v1: well, v2: { ...well, boots: 4_000 } })
  world.offer('hello', 'v1')
  world.pass(100)
  world.offer('hello', 'v2')
  world.pass(100)
  world.die(1)
  world.pass(100)
  assert.deepEqual(world.states('hello').toSorted(), ['v1:ready', 'v2:starting'])
  world.pass(5_000)
  assert.deepEqual(world.states('hello'), ['v2:ready'])
})

test('three replacements in a moment: the last wins and the middle ones leave nothing behind', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(100)
  for (const version of ['v2', 'v3', 'v4']) {
    world.offer('hello', version)
    world.pass(2)
  }
  world.pass(3_000)
  assert.deepEqual(world.states('hello'), ['v4:ready'])
  assert.equal(world.alive.size, 1)
})

test('several instances are replaced one by one, and never fewer than asked for are ready', () => {
  const world = new World({}, 1, (it) => {
    const ready = it.fleet.apps.get('hello')?.instances.filter((instance) => instance.state === 'ready').length ?? 0
    if (armed) assert.ok(ready >= 3, `${ready} ready: ${it.states('hello').join(' ')}`)
  })
  let armed = false
  world.offer('hello', 'v1', { instances: 3 })
  world.pass(5_000)
  armed = true
  world.offer('hello', 'v2', { instances: 3 })
  world.pass(10_000)
  assert.deepEqual(world.states('hello'), ['v2:ready', 'v2:ready', 'v2:ready'])
})

test('a command to restart goes the same road as a new version', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(100)
  world.send({ type: 'command', app: 'hello', verb: 'restart' })
  assert.deepEqual(world.states('hello'), ['v1:ready', 'v1:starting'])
  world.pass(100)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.app('hello').instances[0]?.run, 2)
})

test('a stopped app stays stopped when a new version arrives, and starts that one when told', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(100)
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  world.pass(100)
  assert.deepEqual(world.states('hello'), [])
  world.offer('hello', 'v2')
  world.pass(100)
  assert.deepEqual(world.states('hello'), [])
  world.send({ type: 'command', app: 'hello', verb: 'start' })
  world.pass(100)
  assert.deepEqual(world.states('hello'), ['v2:ready'])
  assert.deepEqual(new Set(world.spawned.map((it) => it.version)), new Set(['v1', 'v2']))
})

test('a stopped app stays stopped although its file was refused meanwhile, and mended', () => {
  const events = {
    settling: { type: 'settling', app: 'hello', settings: settings('hello'), source: 'apps/hello' },
    refused: { type: 'refused', app: 'hello', settings: settings('hello'), source: 'apps/hello', reason: 'empty file' },
    offered: { type: 'offered', app: 'hello', settings: settings('hello'), launch: launch('v2') },
    stop: { type: 'command', app: 'hello', verb: 'stop' },
    adopted: { type: 'adopted', app: 'hello', settings: settings('hello'), off: true, instances: [] },
  } as const
  // One that had not proved itself when it was stopped, and one that an earlier gateway had stopped.
  for (const before of ['stop', 'adopted'] as const) {
    const world = new World({ v1: mute })
    if (before === 'stop') world.offer('hello', 'v1')
    for (const event of [before, 'refused', 'refused', 'settling', 'refused'] as const) world.send(events[event])
    assert.equal(isOff(world.app('hello')), true)
    assert.equal(world.app('hello').standing.kind, 'refused')
    for (const event of ['settling', 'offered'] as const) world.send(events[event])
    world.pass(10_000)
    assert.equal(world.app('hello').standing.kind, 'off')
    assert.equal(world.spawned.filter(({ version }) => version === 'v2').length, 0)
    world.send({ type: 'command', app: 'hello', verb: 'start' })
    world.pass(100)
    assert.deepEqual(world.states('hello'), ['v2:ready'])
  }
})

test('a deaf app is killed at the end of its grace', () => {
  const world = new World({ v1: deaf })
  world.offer('hello', 'v1')
  world.pass(100)
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  world.pass(900)
  assert.equal(world.alive.size, 1)
  world.pass(300)
  assert.equal(world.alive.size, 0)
})

test('a file that cannot run any more does not end the version that serves', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(100)
  world.send({ type: 'refused', app: 'hello', settings: settings('hello'), source: 'apps/hello', reason: 'empty file' })
  world.pass(100)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.app('hello').rejected?.reason, 'empty file')
  world.offer('hello', 'v1')
  assert.equal(world.app('hello').rejected, null)
})

test('an app that vanished and comes back while it drains is started anew', () => {
  const world = new World({ v1: { ...well, obeys: 500 } })
  world.offer('hello', 'v1')
  world.pass(100)
  world.send({ type: 'vanished', app: 'hello' })
  world.pass(50)
  world.offer('hello', 'v1')
  world.pass(100)
  assert.deepEqual(world.states('hello').toSorted(), ['v1:ready', 'v1:stopping'])
  world.pass(1_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
})

test('a hundred apps offered at once never start more than the bound in the same second', () => {
  const world = new World({ slow: { ...well, boots: 4_000 } }, 4)
  for (let i = 0; i < 100; i++) world.offer(`app${i}`, i % 20 === 0 ? 'slow' : 'v1')
  world.pass(60_000)
  assert.equal([...world.fleet.apps.values()].filter((app) => app.instances[0]?.state === 'ready').length, 100)
  for (const { at } of world.spawned) {
    // A fast app frees its place when it is ready: what is bounded is how many are starting, so count by boot time.
    assert.ok(world.spawned.filter((it) => it.at >= at && it.at < at + 20).length <= 8)
  }
})

const tempers: Record<string, Temper> = {
  good: well,
  slow: { boots: 1_500, dies: null, obeys: 700 },
  dud,
  mute,
  deaf,
  flaky: { boots: 10, dies: 700, obeys: null },
  stubborn: { boots: 30, dies: null, obeys: 20, insistsOn: 3000 },
  never: { boots: null, dies: null, obeys: null, unspawnable: true },
}

const apps = ['a', 'b', 'c']
const move = fc.oneof(
  fc.record({
    do: fc.constant('offer'),
    app: fc.constantFrom(...apps),
    version: fc.constantFrom(...Object.keys(tempers)),
    n: fc.integer({ min: 1, max: 3 }),
    soak: fc.constantFrom(0, 300, 2_000),
  }),
  fc.record({
    do: fc.constant('observed'),
    app: fc.constantFrom(...apps),
    failed: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({
    do: fc.constantFrom('vanish', 'stop', 'start', 'restart', 'wanted', 'settling', 'refused'),
    app: fc.constantFrom(...apps),
  }),
  fc.record({ do: fc.constantFrom('kill', 'hang', 'suspect', 'ghost', 'exceed'), nth: fc.nat(20) }),
  fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(0, 1, 10, 100, 1_000, 7_000, 40_000) }),
)

test('whatever happens, bounds hold, nothing good is given up for something bad, and the end leaves nothing', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 120, size: 'max' }), (moves) => {
      const world = new World(tempers, 2, bounds)
      for (const it of moves) play(world, it)
      // Everybody well again: every app that is on gets all its instances ready, whatever came before.
      for (const key of Object.keys(tempers)) world.tempers.set(key, well)
      world.pass(200_000)
      for (const app of world.fleet.apps.values()) {
        const ready = app.instances.filter((it) => it.state === 'ready').length
        if (app.standing.kind === 'on')
          assert.equal(ready, app.settings.instances, `${app.name}: ${world.states(app.name).join(' ')}`)
        else assert.equal(app.instances.length, 0, `${app.name} is ${app.standing.kind}`)
      }
      for (const app of apps) world.send({ type: 'vanished', app })
      world.pass(30_000)
      assert.equal(world.fleet.apps.size, 0)
      assert.equal(world.alive.size, 0)
      assert.deepEqual(world.fleet.queue, [])
    }),
    { numRuns: 400 },
  )
})

test('a shutdown in the middle of anything ends everything', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60, size: 'max' }), (moves) => {
      const world = new World(tempers, 3)
      for (const it of moves) play(world, it)
      const spawned = world.spawned.length
      world.send({ type: 'shutdown' })
      world.pass(30_000)
      assert.equal(world.alive.size, 0)
      assert.equal(world.spawned.length, spawned)
      for (const app of world.fleet.apps.values()) assert.equal(app.instances.length, 0)
    }),
    { numRuns: 200 },
  )
})

function bounds(world: World): void {
  const runs = new Set<number>()
  for (const app of world.fleet.apps.values()) {
    const alive = app.instances.filter(isAlive)
    assert.ok(alive.length <= 2 * app.settings.instances, `${app.name} has ${alive.length} alive`)
    for (const it of app.instances) {
      assert.ok(!runs.has(it.run))
      runs.add(it.run)
      assert.notEqual(it.state, 'exited')
    }
    if (app.standing.kind === 'off' || app.standing.kind === 'gone') assert.equal(alive.length, 0)
    if (isOff(app)) assert.equal(alive.length, 0, `${app.name} was stopped and runs`)
    // Neither the stop itself nor anything that comes while it is stopped proves a candidate.
    const good = app.good?.generation ?? null
    if (app.standing.kind === 'off' && good !== null) assert.equal(good, world.proven.get(app.name))
    world.proven.set(app.name, good)
  }
  for (const it of world.announced.splice(0)) {
    if (it.kind !== 'draining' || it.why !== 'replaced') continue
    const app = world.fleet.apps.get(it.app)
    // The exception: releases of an app that insists on a port of its own cannot be ready side by side.
    if (app && app.apart !== null && app.apart === app.current?.generation) continue
    const successors = world.fleet.apps.get(it.app)?.instances.filter((instance) => instance.state === 'ready')
    assert.ok(successors?.length, `run ${it.run} of ${it.app} was replaced while nothing else was ready`)
  }
  for (const run of world.alive.keys()) assert.ok(runs.has(run), `run ${run} lives and is not remembered`)
}

function play(world: World, it: Record<string, unknown>): void {
  const app = String(it['app'])
  const was = isOff(world.fleet.apps.get(app))
  perform(world, it, app)
  // Whatever becomes of its file: only the operator starts what the operator has stopped.
  const ends = ['start', 'restart', 'vanish'].includes(String(it['do']))
  if (was && !ends)
    assert.ok(isOff(world.fleet.apps.get(app)), `${app} is no longer stopped after: ${String(it['do'])}`)
}

function perform(world: World, it: Record<string, unknown>, app: string): void {
  const runs = [...world.alive.keys()]
  const run = runs[Number(it['nth']) % Math.max(1, runs.length)] ?? 0
  switch (it['do']) {
    case 'offer':
      return world.offer(app, String(it['version']), {
        instances: Number(it['n']),
        rollout: { soak: Number(it['soak']), share: 1 },
      })
    case 'observed': {
      const { generation } = world.fleet.apps.get(app)?.trial ?? { generation: 0 }
      const answers = { ...noAnswers, requests: 20, failed: Number(it['failed']) }
      return world.send({ type: 'observed', app, generation, answers, proven: noAnswers })
    }
    case 'vanish':
      return world.send({ type: 'vanished', app })
    case 'settling':
      return world.send({ type: 'settling', app, settings: settings(app), source: `apps/${app}` })
    case 'refused':
      return world.send({ type: 'refused', app, settings: settings(app), source: `apps/${app}`, reason: 'empty file' })
    case 'stop':
    case 'start':
    case 'restart':
      return world.send({ type: 'command', app, verb: it['do'] })
    case 'wanted':
      return world.send({ type: 'wanted', app })
    case 'kill':
      return world.die(run)
    case 'hang':
      return hang(world, run)
    case 'exceed':
      return world.send({ type: 'exceeded', run, reason: 'it is too large' })
    case 'suspect':
      return world.send({ type: 'suspect', run })
    case 'ghost':
      // A word from another life.
      world.send({ type: 'drained', run: 999_999 })
      return world.send({ type: 'spawned', run, pid: 1, port: 1 })
    default:
      return world.pass(Number(it['ms']))
  }
}

test('launches of one version are the same release', () => {
  const world = new World({})
  world.offer('hello', 'v1')
  world.pass(50)
  world.send({ type: 'offered', app: 'hello', settings: settings('hello'), launch: launch('v1') })
  world.pass(50)
  assert.equal(world.spawned.length, 1)
})

test('a hung instance has until its replacement is ready, not until the end of the drain', () => {
  const world = new World({ v1: { ...well, boots: 500 } })
  world.offer('hello', 'v1', { stop: { drain: 60_000, streams: 0, grace: 1_000 } })
  world.pass(5_000)
  hang(world, 1)
  while (world.states('hello').length === 1) world.pass(10)
  world.pass(400)
  assert.deepEqual(world.states('hello'), ['v1:draining', 'v1:starting'])
  assert.match(world.app('hello').falls.last?.reason ?? '', /no answer \(3 times in a row\)/)
  world.pass(500)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.alive.size, 1)
})

test('an instance that misses its probes while others get bytes of it is busy, and kept', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1')
  world.pass(5_000)
  hang(world, 1)
  const process = world.alive.get(1)
  assert.ok(process)
  process.answers = true
  world.pass(60_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.app('hello').falls.total, 0)
  process.answers = false
  world.pass(10_000)
  assert.equal(world.app('hello').falls.total, 1)
})

test('many requests that fail in one moment are one miss, not the end of an instance', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1')
  world.pass(5_000)
  hang(world, 1)
  for (let request = 0; request < 10; request += 1) {
    world.send({ type: 'suspect', run: 1 })
    world.pass(1)
  }
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  const process = world.alive.get(1)
  if (process) process.hung = false
  world.pass(60_000)
  assert.equal(world.app('hello').falls.total, 0)
})

function hang(world: World, run: number): void {
  const process = world.alive.get(run)
  if (process) process.hung = true
}

test('what goes beyond a limit makes way for a fresh one of its release, one at a time, without a fall', () => {
  const world = new World({}, 8, (it) => {
    const ready = it.fleet.apps.get('hello')?.instances.filter((instance) => instance.state === 'ready').length ?? 0
    if (armed) assert.ok(ready >= 2, `${ready} ready: ${it.states('hello').join(' ')}`)
  })
  let armed = false
  world.offer('hello', 'v1', { instances: 2 })
  world.pass(1_000)
  armed = true
  const exceed = (): void => {
    for (const run of [1, 2]) world.send({ type: 'exceeded', run, reason: 'it is too large' })
  }
  exceed()
  assert.equal(world.spawned.length, 3)
  exceed()
  world.pass(500)
  assert.equal(world.spawned.length, 3, 'the other one waits its turn')
  exceed()
  world.pass(500)
  assert.deepEqual(world.states('hello'), ['v1:ready', 'v1:ready'])
  assert.deepEqual(
    world.app('hello').instances.map(({ run }) => run),
    [3, 4],
  )
  assert.equal(world.app('hello').recycled, 2)
  assert.equal(world.app('hello').falls.total, 0)
  exceed()
  assert.equal(world.spawned.length, 4, 'a word about a run that is over')
})

test('an instance that is too large serves on while its successor cannot start', () => {
  const world = new World({ v1: well })
  world.offer('hello', 'v1')
  world.pass(1_000)
  world.tempers.set('v1', dud)
  for (let i = 0; i < 30; i++) {
    world.send({ type: 'exceeded', run: 1, reason: 'it is too large' })
    world.pass(2_000)
    assert.ok(world.states('hello').includes('v1:ready'))
  }
  assert.ok(world.spawned.length < 15, `${world.spawned.length} starts in a minute`)
  world.tempers.set('v1', well)
  world.pass(60_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.equal(world.app('hello').recycled, 1)
})

test('an app that insists on its own port makes way in turn', () => {
  const world = new World({ v1: { ...well, insistsOn: 3000 } })
  world.offer('hello', 'v1')
  world.pass(1_000)
  world.send({ type: 'exceeded', run: 1, reason: 'it is too large' })
  world.pass(2_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.notEqual(world.app('hello').instances[0]?.run, 1)
  assert.equal(world.app('hello').recycled, 1)
})

test('a gap in which nobody ran is made up for: what boots or stops gets its time again, what rests begins', () => {
  const world = new World({ slow: { ...well, boots: 4_000 }, deaf })
  world.offer('hello', 'slow')
  world.offer('old', 'deaf')
  world.pass(3_000)
  world.send({ type: 'command', app: 'old', verb: 'stop' })
  world.pass(100)
  assert.deepEqual(world.states('old'), ['deaf:stopping'])
  // Eight hours, in which neither the processes nor we did anything.
  world.now += 8 * 3_600_000
  world.send({ type: 'overslept', by: 8 * 3_600_000 })
  world.send({ type: 'tick' })
  assert.deepEqual(world.states('hello'), ['slow:starting'])
  assert.deepEqual(world.states('old'), ['deaf:stopping'])
  assert.equal(world.app('hello').falls.total, 0)
  world.pass(30_000)
  assert.deepEqual(world.states('hello'), ['slow:ready'])
  assert.deepEqual(world.states('old'), [])
})

test('a machine that is too busy to run us for a second, again and again, does not put off for ever what is due', () => {
  const world = new World({ deaf: { ...well, boots: Infinity } })
  world.offer('hello', 'deaf')
  world.pass(100)
  for (let gaps = 0; gaps < 60; gaps += 1) {
    world.now += 1_100
    world.send({ type: 'overslept', by: 1_100 })
    world.send({ type: 'tick' })
  }
  assert.ok(world.app('hello').falls.total > 0)
})
