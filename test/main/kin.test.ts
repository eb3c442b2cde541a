import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openKin } from '../../src/main/kin.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'

test('what a front door tells before anybody can hear it is heard later, in its order', () => {
  const heard: GatewayReport[] = []
  const kin = openKin({ inherits: false, change: () => {}, hear: (report) => void heard.push(report) })
  const reports: GatewayReport[] = [1, 2, 3].map((run) => ({ type: 'drained', run }))
  const [first, second, third] = reports
  if (!first || !second || !third) return
  kin.report(first)
  kin.report(second)
  assert.deepEqual(heard, [])
  kin.open()
  assert.deepEqual(heard, [first, second])
  kin.report(third)
  assert.deepEqual(heard, reports)
})
