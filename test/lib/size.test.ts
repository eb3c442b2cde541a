import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseSize } from '../../src/lib/size.ts'

it('reads numbers as bytes and texts with their unit, each 1024 of the one before', () => {
  const cases: readonly (readonly [unknown, number])[] = [
    [512, 512],
    ['512b', 512],
    ['64kb', 65_536],
    ['10mb', 10_485_760],
    ['1.5GB', 1_610_612_736],
  ]
  for (const [written, value] of cases) assert.deepEqual(parseSize(written), { ok: true, value })
})

it('says what is wrong with a size', () => {
  assert.deepEqual(parseSize('64'), { ok: false, reason: "has no unit, write '64kb'" })
  assert.deepEqual(parseSize('64k'), { ok: false, reason: "has the unknown unit 'k', the units are b, kb, mb, gb" })
})
