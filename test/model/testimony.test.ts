import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isWorthKeeping, type LostFlight } from '../../src/model/testimony.ts'

function flight(shape: string, alone = false): LostFlight {
  const rest = { id: 'x', method: 'GET', target: '/', size: 0, age: 1, subject: null, answering: false }
  return { ...rest, shape, alone }
}

test('what kills is not lost among hundreds of others, and what is kept stays bounded', () => {
  const kept: LostFlight[] = []
  const keep = (one: LostFlight): boolean => isWorthKeeping(kept, one) && kept.push(one) > 0
  for (let i = 0; i < 300; i += 1) keep(flight('GET /a'))
  assert.equal(kept.length, 64)
  assert.ok(keep(flight('GET /boom')))
  assert.ok(!keep(flight('GET /boom')))
  assert.ok(keep(flight('GET /a', true)))
  for (let i = 0; i < 300; i += 1) keep(flight(`GET /${i}`))
  assert.equal(kept.length, 128)
})
