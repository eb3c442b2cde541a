import assert from 'node:assert/strict'
import test from 'node:test'

import { judge } from '../../src/model/crash.ts'
import type { LostFlight } from '../../src/model/testimony.ts'

function flight(shape: string, alone = false): LostFlight {
  const target = shape.split(' ')[1] ?? ''
  return { id: 'r', method: 'GET', target, shape, size: 0, age: 1, subject: null, answering: false, alone }
}

test('of those in flight at a crash the one that was tried is to blame, or the only one, or nobody yet', () => {
  const blame = (...flights: LostFlight[]): unknown[] => {
    const { culprit, blame } = judge(flights, 0, [{ flights: [flight('GET /b')] }])
    return [culprit, blame]
  }
  assert.deepEqual(blame(), [null, 'no request was in flight'])
  assert.deepEqual(blame(flight('GET /a')), ['GET /a', 'GET /a was in flight alone: likely culprit'])
  assert.deepEqual(blame(flight('GET /b'), flight('GET /a', true)), [
    'GET /a',
    'GET /a was being tried as the only suspect: culprit',
  ])
  assert.deepEqual(blame(flight('GET /a'), flight('GET /b')), [
    null,
    '2 requests were in flight, each a suspect: GET /b (in 2 crashes), GET /a',
  ])
})

test('of an app that has also died with nothing in flight, who was tried is a likely culprit only', () => {
  const { blame } = judge([flight('GET /a', true)], 0, [{ flights: [] }])
  assert.equal(blame, 'GET /a was being tried as the only suspect: likely culprit')
})
