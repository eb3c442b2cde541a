import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { weightOf } from '../../src/model/ends.ts'
import {
  accuse,
  acquit,
  type Evidence,
  forget,
  noEvidence,
  shapeOf,
  suspicionsOf,
  type Suspicions,
} from '../../src/model/poison.ts'

const settings = { strikes: 2, for: 600_000 }
const alone = (shape: string): { shape: string; alone: boolean } => ({ shape, alone: true })
const among = (...shapes: string[]): { shape: string; alone: boolean }[] =>
  shapes.map((shape) => ({ shape, alone: false }))
const tried = [alone('GET /wait')]
const crash = (run: number, at = 0, weight = 1): { id: string; run: number; at: number; weight: number } => {
  return { id: `app-${run}`, run, at, weight }
}
const now = (evidence: Evidence, at = 1): Suspicions | null => suspicionsOf(evidence, settings, at)

test('a shape is method, path and the names in the query, whatever their order and values', () => {
  assert.equal(shapeOf('GET', '/a', ''), 'GET /a')
  assert.equal(shapeOf('GET', '/a', '?'), 'GET /a')
  assert.equal(shapeOf('GET', '/a', '?b=1&a=2&b=3&=4'), 'GET /a?a&b')
  assert.equal(shapeOf('PUT', '/a', '?b', '12ab'), 'PUT /a?b #12ab')
  const long = shapeOf('GET', `/${'x'.repeat(1_000)}`, '?secret=1')
  assert.ok(long.length <= 256)
  assert.notEqual(long, shapeOf('GET', `/${'x'.repeat(1_000)}y`, '?secret=1'))
})

test('everyone in flight at a crash is suspected, and nobody quarantined', () => {
  const evidence = accuse(noEvidence, crash(1), among('GET /a', 'GET /boom'))
  assert.deepEqual(now(evidence), { seq: 1, suspects: ['GET /a', 'GET /boom'], quarantined: [] })
})

test('a suspect that dies alone is quarantined, and whoever was there by chance is not even suspected', () => {
  const first = accuse(noEvidence, crash(1), among('GET /a', 'GET /boom'))
  const acquitted = acquit(first, 'GET /a', 1)
  const second = accuse(acquitted, crash(2), [alone('GET /boom'), ...among('GET /b', 'GET /a')])
  assert.deepEqual(now(second), {
    seq: 2,
    suspects: [],
    quarantined: [{ shape: 'GET /boom', until: 600_000, crashes: ['app-1', 'app-2'] }],
  })
})

test('a request that was alone in flight twice needs no trial to be quarantined', () => {
  const first = accuse(noEvidence, crash(1), among('POST /boom'))
  assert.deepEqual(now(first)?.suspects, ['POST /boom'])
  const second = accuse(first, crash(2), among('POST /boom'))
  assert.deepEqual(now(second)?.quarantined[0]?.shape, 'POST /boom')
})

test('an answer acquits of what was before the trial, not of what came after it', () => {
  const first = accuse(noEvidence, crash(1), among('GET /a', 'GET /b'))
  const second = accuse(first, crash(2), among('GET /a', 'GET /c'))
  assert.deepEqual(now(acquit(second, 'GET /a', 1))?.suspects, ['GET /a', 'GET /b', 'GET /c'])
  assert.deepEqual(now(acquit(second, 'GET /a', 2))?.suspects, ['GET /b', 'GET /c'])
})

test('two suspects at one instance leave both as they are, also when the second is heard of later', () => {
  const first = accuse(noEvidence, crash(1), among('GET /a', 'GET /boom'))
  const one = accuse(first, crash(2), [alone('GET /boom')])
  assert.equal(now(one)?.quarantined.length, 1)
  const both = accuse(one, crash(2), [alone('GET /boom'), alone('GET /a')])
  assert.deepEqual(now(both)?.quarantined, [])
  assert.deepEqual(now(both)?.suspects, ['GET /a', 'GET /boom'])
})

test('each death with nothing in flight, once all is known of it, asks for one more before anybody is quarantined', () => {
  const other = crash(1)
  assert.equal(accuse(noEvidence, other, []), noEvidence)
  let evidence = accuse(noEvidence, other, [], true)
  assert.equal(now(evidence), null)
  evidence = accuse(accuse(evidence, crash(2), tried), crash(3), tried)
  assert.deepEqual(now(evidence)?.suspects, ['GET /wait'])
  const convicted = accuse(evidence, crash(4), tried)
  assert.deepEqual(
    now(convicted)?.quarantined.map(({ shape }) => shape),
    ['GET /wait'],
  )
  assert.deepEqual(now(accuse(convicted, crash(5), [], true))?.quarantined, [])
  // What was in flight is heard of after all.
  const late = accuse(evidence, other, among('GET /x', 'GET /y'))
  assert.deepEqual(
    now(late)?.quarantined.map(({ shape }) => shape),
    ['GET /wait'],
  )
  assert.deepEqual(now(late)?.suspects, ['GET /x', 'GET /y'])
  // However many there are, those with requests are not forgotten for them.
  for (let run = 10; run < 40; run++) evidence = accuse(evidence, crash(run), [], true)
  assert.deepEqual(now(evidence)?.suspects, ['GET /wait'])
})

test('it passes with time', () => {
  const first = accuse(noEvidence, crash(1, 0), among('GET /boom'))
  const second = accuse(first, crash(2, 1_000), [alone('GET /boom')])
  assert.equal(now(second, 599_999)?.quarantined.length, 1)
  assert.deepEqual(now(second, 600_500)?.suspects, ['GET /boom'])
  assert.equal(now(second, 601_000), null)
  assert.deepEqual(forget(second, settings, 601_000).crashes, [])
})

test('how it ended says how much it counts', () => {
  const exit = { code: null, error: null, lastLine: null, portTaken: false, outOfMemory: false, memory: null }
  const by = (signal: string | null, outOfMemory = false): number =>
    weightOf({ cause: 'died', exit: { ...exit, signal, outOfMemory } })
  assert.deepEqual([by(null), by('SIGSEGV'), by('SIGKILL', true)], [1, 1, 1])
  assert.deepEqual([by('SIGKILL'), weightOf({ cause: 'unhealthy', exit: null })], [0.5, 0.5])
  assert.equal(by('SIGTERM'), 0)
  assert.equal(accuse(noEvidence, crash(1, 0, by('SIGTERM')), among('GET /a')), noEvidence)
})

test('nobody who never died alone, or as the only suspect, is ever quarantined; what is kept is bounded', () => {
  const shape = fc.constantFrom('GET /a', 'GET /b', 'GET /c', 'GET /d')
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('crash' as const),
      run: fc.nat(40),
      seen: fc.array(fc.record({ shape, alone: fc.boolean() }), { maxLength: 6 }),
      isAll: fc.boolean(),
      weight: fc.constantFrom(0, 0.5, 1),
    }),
    fc.record({ kind: fc.constant('acquit' as const), shape, seq: fc.nat(30) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(300_000) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (steps, strikes) => {
      const rules = { strikes, for: 600_000 }
      let evidence = noEvidence
      let at = 0
      const certain = new Set<string>()
      for (const it of steps) {
        if (it.kind === 'pass') at += it.ms
        else if (it.kind === 'acquit') evidence = acquit(evidence, it.shape, it.seq)
        else {
          evidence = accuse(forget(evidence, rules, at), crash(it.run, at, it.weight), it.seen, it.isAll)
          const tried = new Set(it.seen.filter((one) => one.alone).map((one) => one.shape))
          if (tried.size === 1) for (const one of tried) certain.add(one)
          if (it.seen.length === 1) certain.add(it.seen[0]?.shape ?? '')
        }
        const found = suspicionsOf(evidence, rules, at)
        for (const one of found?.quarantined ?? []) {
          assert.ok(certain.has(one.shape))
          assert.ok(one.until > at && one.until <= at + rules.for)
          assert.ok(!found?.suspects.includes(one.shape))
        }
        assert.ok(evidence.crashes.length <= 32)
        assert.equal(suspicionsOf(evidence, rules, at + rules.for), null)
      }
    }),
    { numRuns: 500 },
  )
})
