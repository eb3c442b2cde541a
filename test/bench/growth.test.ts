import assert from 'node:assert/strict'
import test from 'node:test'
import { growth, liveHeap, trendOf } from '../../bench/growth.ts'

/** A heap: it fills and is collected again and again, each time at another height. 450 points, one every 2 s. */
function sawtooth(seed: number, rise: number): (readonly [number, number])[] {
  let state = seed
  const chance = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  let [level, top] = [200, 240]
  return Array.from({ length: 450 }, (_, i) => {
    level += chance()
    if (level > top) [level, top] = [195 + 5 * chance(), 235 + 10 * chance()]
    return [i / 30, level + (rise * i) / 30] as const
  })
}

const seeds = Array.from({ length: 200 }, (_, i) => 1_000 + 7_919 * i)

test('a heap that swings without growing is level, at nearly every look', () => {
  const level = seeds.filter((seed) => trendOf(sawtooth(seed, 0)).verdict === 'level').length
  assert.ok(level >= 180, `${level} of ${seeds.length}`)
})

test('one that grows by 2 MB a minute under the same swings is found out', () => {
  const grows = seeds.filter((seed) => trendOf(sawtooth(seed, 2)).verdict === 'grows').length
  assert.ok(grows >= 180, `${grows} of ${seeds.length}`)
})

test('what never changes is level, and two points say nothing', () => {
  const still = Array.from({ length: 30 }, (_, i) => [i, 31] as const)
  assert.equal(growth(still, '', 'a minute'), '31 to 31, +0.00 ± 0.00 a minute (95 %): level')
  assert.match(growth(still.slice(0, 2), ' MB', 'a minute'), /^31\.0 to 31\.0 MB, too few/)
})

test('of what V8 traces, only full collections say what is alive', () => {
  const full =
    '[42:0x7f00]    83000 ms: Mark-Compact 35.6 (57.1) -> 24.9 (56.6) MB, pooled: 0.0 MB, 8.31 / 0.00 ms  (average mu = 0.99) allocation failure;'
  assert.equal(liveHeap(full), 24.9)
  assert.equal(liveHeap(full.replace('Mark-Compact', 'Scavenge')), null)
})
