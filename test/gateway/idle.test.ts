import assert from 'node:assert/strict'
import { test } from 'node:test'

import { idleTimeOf } from '../../src/gateway/idle.ts'

test('an idle connection is used again for less time than the app keeps it, and never longer than is wanted', () => {
  const silent = -1
  assert.equal(idleTimeOf(silent, null), 4_000)
  assert.equal(idleTimeOf(5, null), 4_000)
  assert.equal(idleTimeOf(1, null), 500)
  assert.equal(idleTimeOf(3_600, null), 60_000)
  assert.equal(idleTimeOf(silent, 90_000), 90_000)
  assert.equal(idleTimeOf(5, 90_000), 4_000)
  assert.equal(idleTimeOf(3_600, 90_000), 90_000)
  assert.equal(idleTimeOf(5, 0), 0)
})
