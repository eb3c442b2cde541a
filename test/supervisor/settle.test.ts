import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, integer, property } from 'fast-check'
import { leastQuiet, observe, quietBase, restsAt, type Settling } from '../../src/supervisor/settle.ts'

test('a file that was seen once is at rest after the least quiet', () => {
  assert.equal(restsAt(observe(null, 'a', 1_000)), 1_000 + quietBase)
  assert.equal(restsAt(observe(null, 'a', 0), leastQuiet(false, false)), 1_000)
  assert.ok(leastQuiet(true, true) > leastQuiet(false, true))
})

test('looking again at what has not changed does not put it off', () => {
  const first = observe(null, 'a', 0)
  assert.equal(observe(first, 'a', 90), first)
})

test('the quiet is three times the longest pause of the burst', () => {
  let settling = observe(null, 'a', 0)
  settling = observe(settling, 'b', 200)
  settling = observe(settling, 'c', 210)
  assert.equal(restsAt(settling), 210 + 600)
})

test('whatever the writer does, rest comes between the least quiet and three seconds after its last change', () => {
  check(
    property(array(integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 40, size: 'max' }), (gaps) => {
      let now = 0
      let settling: Settling | null = null
      for (const [index, gap] of gaps.entries()) settling = observe(settling, String(index), (now += gap))
      assert.ok(settling)
      const quiet = restsAt(settling) - now
      assert.ok(quiet >= quietBase && quiet <= 3_000)
      // A further pause no longer than those before is still part of the burst.
      if (gaps.length > 1) assert.ok(quiet >= Math.min(3_000, Math.max(...gaps.slice(1))))
    }),
  )
})
