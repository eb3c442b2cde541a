import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatDuration, parseDuration } from '../../src/lib/duration.ts'

describe('parseDuration', () => {
  it('reads numbers as milliseconds and texts with their unit', () => {
    const cases: readonly (readonly [unknown, number])[] = [
      [0, 0],
      [250, 250],
      ['150ms', 150],
      ['2s', 2_000],
      ['1m', 60_000],
      ['1.5h', 5_400_000],
      ['1d', 86_400_000],
      [' 2 S ', 2_000],
      ['.5s', 500],
      ['1.1s', 1_100],
      ['0s', 0],
    ]
    for (const [written, value] of cases) assert.deepEqual(parseDuration(written), { ok: true, value })
  })

  it('never turns something positive into 0, which may mean no limit', () => {
    assert.deepEqual(parseDuration('0.1ms'), { ok: true, value: 1 })
  })

  it('says what is wrong', () => {
    const cases: readonly (readonly [unknown, RegExp])[] = [
      ['2', /^has no unit, write '2s'$/],
      ['2 parsecs', /^has the unknown unit 'parsecs', the units are ms, s, m, h, d$/],
      ['soon', /^is not a number with a unit$/],
      ['', /^is not a number with a unit$/],
      ['1m30s', /^is not a number with a unit$/],
      [-1, /^is negative$/],
      ['-1s', /^is negative$/],
      [NaN, /^is not a finite number$/],
      [Infinity, /^is not a finite number$/],
      ['30d', /^is more than the most possible, 24 days$/],
      [null, /^is neither a number nor a text$/],
      [{}, /^is neither a number nor a text$/],
    ]
    for (const [written, reason] of cases) {
      const parsed = parseDuration(written)
      assert.ok(!parsed.ok)
      assert.match(parsed.reason, reason)
    }
  })
})

describe('formatDuration', () => {
  it('shows at most two units, rounded to what people read', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0, '0ms'],
      [0.44, '0.4ms'],
      [150, '150ms'],
      [999.4, '999ms'],
      [999.7, '1s'],
      [1_640, '1.6s'],
      [59_960, '1m'],
      [90_000, '1m 30s'],
      [3_599_600, '1h'],
      [7_200_000, '2h'],
      [90_000_000, '1d 1h'],
      [-1_500, '-1.5s'],
    ]
    for (const [ms, shown] of cases) assert.equal(formatDuration(ms), shown)
  })
})
