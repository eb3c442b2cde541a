import assert from 'node:assert/strict'
import test from 'node:test'
import { advance } from '../../src/model/advance.ts'
import { emptyFleet, type Fleet } from '../../src/model/fleet.ts'
import type { Adoptee, Effect, Event } from '../../src/model/protocol.ts'
import { exitOf, launch, settings } from './world.ts'

const address = { host: '127.0.0.1', port: 20_001 }
const exit = exitOf({})

function adoptee(run: number, version: string, ready = true): Adoptee {
  const known = { run, pid: 100 + run, port: 20_000 + run, born: 0, told: null }
  return { ...known, address: ready ? address : null, launch: launch(version) }
}

/** One fleet after these events, one a millisecond, and everything it asked for. */
function after(...events: Event[]): { fleet: Fleet; effects: Effect[]; did: (type: Effect['type']) => number[] } {
  let fleet = emptyFleet(8, 50)
  const effects: Effect[] = []
  for (const [at, event] of events.entries()) {
    const advanced = advance(fleet, event, 10_000 + at, 0)
    fleet = advanced.fleet
    effects.push(...advanced.effects)
  }
  const did = (type: Effect['type']): number[] => {
    return effects.flatMap((it) => (it.type === type && 'run' in it ? [it.run] : []))
  }
  return { fleet, effects, did }
}

const adopted = (...instances: Adoptee[]): Event => {
  return { type: 'adopted', app: 'a', settings: settings('a'), off: false, instances }
}
const offered = (version: string): Event => {
  return { type: 'offered', app: 'a', settings: settings('a'), launch: launch(version) }
}
const passed = (run: number): Event => ({ type: 'probed', run, result: { ok: true, address, note: null } })

test('the same version goes on: looked at at once where it was, and nothing is started', () => {
  const { fleet, effects, did } = after(adopted(adoptee(7, 'v1')), offered('v1'), passed(7))
  assert.deepEqual([did('adopt'), did('spawn'), did('terminate')], [[7], [], []])
  const [look] = effects.filter((it) => it.type === 'probe')
  assert.deepEqual([look?.run, look?.after, look?.address], [7, 0, address])
  const [instance] = fleet.apps.get('a')?.instances ?? []
  assert.deepEqual([instance?.state, instance?.pid, instance?.born], ['ready', 107, 0])
  const ready = effects.flatMap((it) => (it.type === 'announce' ? [it.announcement] : [])).at(-1)
  assert.equal(ready?.kind === 'ready' && ready.took, 2)
})

test('one that was told to stop is neither looked at nor told again, has the rest of its grace, and is nothing to go back to', () => {
  const { grace } = settings('a').stop
  const ending = { ...adoptee(9, 'v2'), told: 9_000 }
  const beside = after(adopted(adoptee(7, 'v1'), ending), offered('v1'), passed(7))
  assert.deepEqual([beside.did('adopt'), beside.did('terminate'), beside.did('spawn')], [[7, 9], [], []])
  assert.equal(beside.fleet.apps.get('a')?.current?.launch.version, 'v1')
  const early = advance(beside.fleet, { type: 'tick' }, 9_000 + grace - 1, 0)
  assert.ok(!early.effects.some(({ type }) => type === 'kill'))
  const late = advance(beside.fleet, { type: 'tick' }, Math.max(10_010, 9_000 + grace), 0)
  assert.deepEqual(
    late.effects.flatMap((it) => (it.type === 'kill' ? [it.run] : [])),
    [9],
  )
  const alone = after(adopted(ending))
  assert.equal(alone.fleet.apps.get('a')?.standing.kind, 'settling')
  const { fleet, did } = after(adopted(ending), offered('v2'))
  assert.deepEqual([did('probe'), did('spawn')], [[], [50]])
  const gone = advance(fleet, { type: 'exited', run: 9, exit }, 10_010, 0).fleet.apps.get('a')
  assert.deepEqual([gone?.instances.map(({ run }) => run), gone?.falls], [[50], fleet.apps.get('a')?.falls])
})

test('another version is started beside it, and it goes when that one is ready', () => {
  const before = after(adopted(adoptee(7, 'v1')), offered('v2'), passed(7))
  assert.deepEqual([before.did('spawn'), before.fleet.apps.get('a')?.instances.length], [[50], 2])
  const { fleet } = advance(before.fleet, { type: 'spawned', run: 50, pid: 1, port: 1 }, 10_010, 0)
  const then = advance(fleet, passed(50), 10_011, 0).fleet.apps.get('a')
  assert.deepEqual(
    then?.instances.map((it) => `${it.run} ${it.state}`),
    ['7 draining', '50 ready'],
  )
})

test('a candidate that was booting beside its predecessor is still one', () => {
  const { fleet, did } = after(adopted(adoptee(7, 'v1'), adoptee(9, 'v2', false)), offered('v2'), passed(7))
  assert.deepEqual(did('spawn'), [])
  const app = advance(fleet, { type: 'exited', run: 9, exit }, 10_010, 0).fleet.apps.get('a')
  assert.match(app?.rejected?.reason ?? '', /^ended \(exit code unknown/)
  assert.deepEqual(
    app?.instances.map((it) => `${it.run} ${it.state}`),
    ['7 ready'],
  )
})

test('one that does not answer where it was is looked for, and given up like any other start', () => {
  const miss: Event = { type: 'probed', run: 7, result: { ok: false, reason: 'refused', signs: null } }
  const { fleet, effects } = after(adopted(adoptee(7, 'v1')), offered('v1'), miss)
  const looks = effects.filter((it) => it.type === 'probe')
  assert.deepEqual(
    looks.map((it) => it.address),
    [address, null],
  )
  const [instance] = advance(fleet, { type: 'tick' }, 10_000 + 5_001, 0).fleet.apps.get('a')?.instances ?? []
  assert.equal(instance?.state, 'stopping')
})

test('too many are scaled down, an app that has gone is drained, and what was stopped stays stopped', () => {
  assert.deepEqual(after(adopted(adoptee(7, 'v1'), adoptee(8, 'v1')), offered('v1')).did('terminate'), [7])
  const gone = after(adopted(adoptee(7, 'v1')), passed(7), { type: 'vanished', app: 'a' })
  assert.equal(gone.fleet.apps.get('a')?.instances[0]?.state, 'draining')
  const off = after({ type: 'adopted', app: 'a', settings: settings('a'), off: true, instances: [] }, offered('v1'))
  assert.deepEqual([off.did('spawn'), off.fleet.apps.get('a')?.standing.kind], [[], 'off'])
})

test('an app that is known adopts nothing', () => {
  assert.deepEqual(after(offered('v1'), adopted(adoptee(7, 'v1'))).did('adopt'), [])
})
