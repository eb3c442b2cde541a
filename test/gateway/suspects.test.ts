import assert from 'node:assert/strict'
import test from 'node:test'
import { Suspects } from '../../src/gateway/suspects.ts'
import type { Suspicions } from '../../src/model/poison.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'
import { ask, startRig } from '../conformance/kit.ts'
import { ready, route } from './kit.ts'

function stage(found: Partial<Suspicions> | null): {
  suspects: Suspects
  reports: GatewayReport[]
  readonly ask: (shape: string, lostAt?: number | null) => ReturnType<Suspects['ask']>
} {
  const reports: GatewayReport[] = []
  const suspects = new Suspects({ now: () => 100, wall: () => 0 }, (report) => void reports.push(report))
  const poison = found && { seq: 1, suspects: [], quarantined: [], ...found }
  const there = route('hello', ready(), { poison })
  const ask = (shape: string, lostAt: number | null = null): ReturnType<Suspects['ask']> =>
    suspects.ask(there, { shape, lostAt, tried: { status: 0 } })
  return { suspects, reports, ask }
}

test('suspects are tried one at a time, others do not notice, and an answer acquits at once', () => {
  const { suspects, reports, ask } = stage({ suspects: ['GET /a', 'GET /b'] })
  using _ = suspects
  const first = ask('GET /a')
  assert.ok(first.kind === 'hearing')
  assert.deepEqual([ask('GET /b').kind, ask('GET /a').kind, ask('GET /c').kind], ['wait', 'wait', 'free'])
  assert.ok(suspects.isAlone(first.hearing))
  suspects.over(first.hearing, 'answered')
  assert.deepEqual(reports, [{ type: 'acquitted', app: 'hello', shape: 'GET /a', seq: 1 }])
  assert.deepEqual([ask('GET /a').kind, ask('GET /b').kind], ['free', 'hearing'])
})

test('who was in flight at a death is a suspect before anybody says so, and stays one unless answered', () => {
  const { suspects, ask } = stage(null)
  using _ = suspects
  assert.equal(ask('GET /a').kind, 'free')
  const first = ask('GET /a', 50)
  assert.ok(first.kind === 'hearing')
  suspects.over(first.hearing, 'open')
  const second = ask('GET /a', 50)
  assert.ok(second.kind === 'hearing')
  suspects.over(second.hearing, 'answered')
  assert.equal(ask('GET /a', 50).kind, 'free')
})

test('a quarantine is told, as long as it lasts', () => {
  const quarantined = [
    { shape: 'GET /boom', until: 101, crashes: ['hello-1-x'] },
    { shape: 'GET /past', until: 100, crashes: ['hello-1-x'] },
  ]
  const { suspects, ask } = stage({ quarantined })
  using _ = suspects
  assert.deepEqual([ask('GET /boom').kind, ask('GET /past').kind], ['quarantined', 'free'])
})

test('after a death the next of that shape waits for what the table makes of it; others are tried meanwhile', () => {
  const reports: GatewayReport[] = []
  using suspects = new Suspects({ now: () => 100, wall: () => 0 }, (report) => void reports.push(report))
  const ask = (seq: number, shape: string): ReturnType<Suspects['ask']> =>
    suspects.ask(route('hello', ready(), { poison: { seq, suspects: ['GET /a', 'GET /b'], quarantined: [] } }), {
      shape,
      lostAt: null,
      tried: { status: 0 },
    })
  const first = ask(1, 'GET /a')
  assert.ok(first.kind === 'hearing')
  suspects.over(first.hearing, 'died')
  assert.equal(ask(1, 'GET /a').kind, 'wait')
  const other = ask(1, 'GET /b')
  assert.ok(other.kind === 'hearing')
  suspects.over(other.hearing, 'answered')
  assert.equal(ask(2, 'GET /a').kind, 'hearing')
})

test('who is tried beside one that takes too long is not alone, until that one is answered', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { suspects, ask } = stage({ suspects: ['GET /a', 'GET /b'] })
  using _ = suspects
  const slow = ask('GET /a')
  t.mock.timers.tick(1_000)
  const next = ask('GET /b')
  assert.ok(slow.kind === 'hearing' && next.kind === 'hearing')
  assert.deepEqual([suspects.isAlone(slow.hearing), suspects.isAlone(next.hearing)], [false, false])
  suspects.over(slow.hearing, 'answered')
  assert.ok(suspects.isAlone(next.hearing))
})

test('a suspect whose turn does not come while it may be held is told so, and does not ask again and again', async (t) => {
  const asked = t.mock.method(Suspects.prototype, 'ask')
  const poison = { seq: 1, suspects: ['GET /b'], quarantined: [] }
  await using rig = await startRig({ script: () => undefined, route: { poison, hold: { for: 100, max: 10 } } })
  const first = await rig.dial()
  first.send(ask('GET /b'))
  await rig.child.request()
  const refused = await rig.say(ask('GET /b'))
  assert.deepEqual([refused.status, refused.field('retry-after')], [503, '1'])
  assert.match(String(refused.json()['detail']), /one at a time/)
  const [entry] = rig.exchanges
  assert.deepEqual([entry?.error?.code, entry?.app, (entry?.held ?? 0) >= 100], ['not-ready', 'app1', true])
  // The first, the second, and the second at the end of its time; once more, where a timer was a little early.
  assert.ok(asked.mock.callCount() <= 4, `${asked.mock.callCount()} times`)
  assert.equal(rig.child.requests.length, 1)
})
