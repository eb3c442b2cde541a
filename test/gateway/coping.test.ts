import assert from 'node:assert/strict'
import test from 'node:test'
import { Coping } from '../../src/gateway/coping.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'

test('what is counted is told once, an app, and then begins at nothing', async () => {
  let told: () => void = () => {}
  const reports: GatewayReport[] = []
  using coping = new Coping((report) => {
    reports.push(report)
    told()
  })
  for (const turn of [1, 2]) {
    coping.add('a', 'held')
    coping.add('b', 'replayed')
    coping.add('a', 'held')
    await new Promise<void>((resolve) => (told = () => reports.length === 2 * turn && resolve()))
  }
  assert.deepEqual(reports.slice(0, 2), [
    { type: 'coped', app: 'a', coped: { replayed: 0, held: 2 } },
    { type: 'coped', app: 'b', coped: { replayed: 1, held: 0 } },
  ])
  assert.deepEqual(reports.slice(2), reports.slice(0, 2))
})
