import assert from 'node:assert/strict'
import { test } from 'node:test'

import { routeChange } from '../../src/model/derive.ts'
import { emptyFleet, nextDeadline } from '../../src/model/fleet.ts'
import { outcomeOf } from '../../src/model/outcome.ts'
import { addTallies, complaintAbout, noAnswers, type Tally, timeStep } from '../../src/model/tally.ts'
import { type Temper, well, World } from './world.ts'

const rollout = { soak: 2_000, share: 1 }

/** v1 is proven, `version` has been offered and, if it can, become ready. */
function replacing(version: string, temper: Temper, instances = 1): World {
  const world = new World({ v1: well, [version]: temper })
  world.offer('hello', 'v1', { instances, rollout })
  world.pass(3_000)
  world.offer('hello', version, { instances, rollout })
  world.pass(300)
  return world
}

function seen(world: World, answers: Partial<Tally>, proven: Partial<Tally> = {}): void {
  const { generation } = world.app('hello').trial ?? { generation: 0 }
  const tallies = { answers: { ...noAnswers, ...answers }, proven: { ...noAnswers, ...proven } }
  world.send({ type: 'observed', app: 'hello', generation, ...tallies })
}

test('a new version serves with the old one standing by until the soak is over, then the old one goes', () => {
  const world = replacing('v2', well)
  assert.deepEqual(world.states('hello'), ['v1:ready', 'v2:ready'])
  assert.equal(world.app('hello').good?.launch.version, 'v1')
  world.pass(1_600)
  assert.deepEqual(world.states('hello'), ['v1:ready', 'v2:ready'])
  world.pass(500)
  assert.deepEqual(world.states('hello'), ['v2:ready'])
  assert.equal(world.app('hello').good?.launch.version, 'v2')
  assert.equal(world.app('hello').trial, null)
})

test('requests go to the old version until the new one is ready in full, then by share, and back at once', () => {
  const world = new World({ v1: well, v2: { boots: 20, dies: 1_000, obeys: 5 } })
  const target = (): unknown => routeChange(emptyFleet(1), world.fleet, ['hello']).put[0]?.target
  const upstream = (run: number): object => ({ run, host: '127.0.0.1', port: 40_000 + run, pid: 10_000 + run })
  world.offer('hello', 'v1', { rollout: { soak: 2_000, share: 0.2 } })
  world.pass(100)
  world.offer('hello', 'v2', { rollout: { soak: 2_000, share: 0.2 } })
  const proven = { kind: 'ready', upstreams: [upstream(1)] }
  assert.deepEqual(target(), { ...proven, rollout: { generation: 2, trial: [], share: 0.2 } })
  world.pass(500)
  assert.deepEqual(target(), { ...proven, rollout: { generation: 2, trial: [upstream(2)], share: 0.2 } })
  world.pass(1_000)
  assert.deepEqual(target(), proven)
  assert.match(world.app('hello').rejected?.reason ?? '', /exited with code 1 after 1\.0s of service/)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
})

test('several instances soak beside as many, and never are fewer than asked for ready', () => {
  let armed = false
  const world = new World({ bad: { boots: 20, dies: 900, obeys: 5 } }, 1, (it) => {
    const ready = it.fleet.apps.get('hello')?.instances.filter(({ state }) => state === 'ready').length ?? 0
    if (armed) assert.ok(ready >= 3, `${ready} ready: ${it.states('hello').join(' ')}`)
  })
  world.offer('hello', 'v1', { instances: 3, rollout })
  world.pass(5_000)
  armed = true
  for (const [version, left] of Object.entries({ v2: 'v2', bad: 'v2', v3: 'v3' })) {
    world.offer('hello', version, { instances: 3, rollout })
    world.pass(10_000)
    assert.deepEqual(world.states('hello'), Array(3).fill(`${left}:ready`))
  }
})

test('a version that answers 5xx where the old one did not is taken back at once and not tried again', () => {
  const world = replacing('v2', well)
  seen(world, { requests: 4, failed: 4 })
  assert.equal(world.app('hello').current?.launch.version, 'v2')
  seen(world, { requests: 1, failed: 1 }, { requests: 50 })
  assert.match(world.app('hello').rejected?.reason ?? '', /5 of its 5 answers were 5xx; .* 0 of 50 were/)
  world.pass(5_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  world.pass(60_000)
  assert.equal(world.spawned.filter(({ version }) => version === 'v2').length, 1)
})

test('three replacements during a soak: the last wins, nothing of the middle ones is left', () => {
  const world = replacing('v2', well)
  world.offer('hello', 'v3', { rollout })
  world.pass(200)
  world.offer('hello', 'v4', { rollout })
  world.pass(200)
  assert.deepEqual(world.states('hello'), ['v1:ready', 'v4:ready'])
  world.pass(3_000)
  assert.deepEqual(world.states('hello'), ['v4:ready'])
  assert.equal(world.alive.size, 1)
})

test('an old version that dies while it stands by is started again, and the newer one is not blamed', () => {
  const world = replacing('v2', well)
  const since = world.now
  const mine = world.app('hello').current
  world.die(1)
  assert.deepEqual(world.states('hello').toSorted(), ['v1:starting', 'v2:ready'])
  assert.deepEqual(outcomeOf(world.app('hello'), 'restart', mine, since), { decided: false })
  world.pass(3_000)
  assert.deepEqual(world.states('hello'), ['v2:ready'])
  assert.deepEqual(outcomeOf(world.app('hello'), 'restart', mine, since), { decided: true, ok: true, state: 'ready' })
})

test('a version that is stopped during its soak is not proven by that: the old one stands by when it starts again', () => {
  const world = replacing('v2', well)
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  assert.equal(world.app('hello').good?.launch.version, 'v1')
  // The end of what was left of the soak is nothing to be awake for either.
  assert.equal(nextDeadline(world.fleet, world.now), world.now + 1_000)
  world.pass(5_000)
  assert.deepEqual([world.states('hello'), world.app('hello').good?.launch.version], [[], 'v1'])
  world.send({ type: 'command', app: 'hello', verb: 'start' })
  world.pass(1_000)
  assert.deepEqual(world.states('hello').toSorted(), ['v1:ready', 'v2:ready'])
  world.die(world.app('hello').instances.find(({ release }) => release.launch.version === 'v2')?.run ?? 0)
  world.pass(1_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
  assert.match(world.app('hello').rejected?.reason ?? '', /was killed by SIGKILL/)
})

test('a version that is started again after a stop serves its soak in full, and is proven by that', () => {
  const world = replacing('v2', well)
  world.pass(1_500)
  seen(world, { requests: 4, failed: 4 })
  world.send({ type: 'command', app: 'hello', verb: 'stop' })
  world.pass(100)
  world.send({ type: 'command', app: 'hello', verb: 'start' })
  world.pass(1_900)
  assert.equal(world.app('hello').good?.launch.version, 'v1')
  world.pass(200)
  assert.deepEqual([world.states('hello'), world.app('hello').good?.launch.version], [['v2:ready'], 'v2'])
})

test('a soak during which nobody ran goes on until it is known who died meanwhile', () => {
  const world = replacing('v2', well)
  world.now += 5_000
  world.send({ type: 'overslept', by: 5_000 })
  world.send({ type: 'tick' })
  assert.equal(world.app('hello').good?.launch.version, 'v1')
  world.die(2)
  assert.match(world.app('hello').rejected?.reason ?? '', /was killed by SIGKILL/)
  world.pass(5_000)
  assert.deepEqual(world.states('hello'), ['v1:ready'])
})

test('what is told about another trial is dropped', () => {
  const world = replacing('v2', well)
  const answers = { ...noAnswers, requests: 90, failed: 90 }
  world.send({ type: 'observed', app: 'hello', generation: 1, answers, proven: noAnswers })
  assert.equal(world.app('hello').rejected, null)
})

function tally(requests: number, failed: number, ms = 1): Tally {
  const times = [...noAnswers.times]
  times[timeStep(ms)] = requests
  return { requests, failed, lost: 0, excused: 0, time: requests * ms, times }
}

test('a complaint needs enough answers, clearly worse than before', () => {
  const cases: [answers: Tally, proven: Tally, over: boolean, complains: boolean][] = [
    [tally(4, 4), tally(100, 0), false, false],
    [tally(5, 5), tally(100, 0), false, true],
    [tally(100, 5), tally(100, 0), false, false],
    [tally(100, 12), tally(100, 0), false, true],
    [tally(100, 25), tally(100, 10), false, false],
    [tally(100, 45), tally(100, 10), false, true],
    // An app that always fails half of what it is asked gets no worse.
    [tally(100, 60), tally(100, 50), false, false],
    // Nothing is known of the old one.
    [tally(100, 40), noAnswers, false, false],
    [tally(100, 60), noAnswers, false, true],
    // Little was asked, and nothing more will be.
    [tally(2, 2), noAnswers, true, true],
    [tally(2, 2), tally(10, 0), true, true],
    [tally(1, 1), tally(10, 0), true, false],
    [tally(2, 2), tally(2, 2), true, false],
    // The old one failed the same requests.
    [{ ...tally(20, 20), excused: 18 }, tally(100, 0), true, false],
    // Closed without an answer: it may be dying, and then its fall is the reason.
    [{ ...tally(20, 0), lost: 20 }, tally(100, 0), false, false],
    [{ ...tally(20, 0), lost: 20 }, tally(100, 0), true, true],
    [tally(50, 0, 1_500), tally(50, 0, 20), false, false],
    [tally(50, 0, 1_500), tally(50, 0, 20), true, true],
    [tally(50, 0, 800), tally(50, 0, 1), true, false],
    [tally(50, 0, 1_500), tally(50, 0, 600), true, false],
    [tally(30, 0, 1_500), tally(50, 0, 20), true, false],
    [addTallies(tally(45, 0, 2), tally(5, 0, 30_000)), tally(50, 0, 2), true, false],
  ]
  for (const [answers, proven, over, complains] of cases) {
    const complaint = complaintAbout(answers, proven, over)
    assert.equal(complaint !== null, complains, `${JSON.stringify([answers, proven])}: ${complaint}`)
  }
})
