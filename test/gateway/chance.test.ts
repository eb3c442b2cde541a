import assert from 'node:assert/strict'
import { test } from 'node:test'

import { newId, randomHex } from '../../src/gateway/chance.ts'

test('ids are random UUIDs, and no two of them are alike', () => {
  const ids = new Set(Array.from({ length: 5_000 }, newId))
  assert.equal(ids.size, 5_000)
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  for (const place of [0, 9, 16, 24, 35]) assert.equal(new Set([...ids].map((id) => id[place])).size, 16)
})

test('random text has the length that is asked for, whatever is left of what was made at once', () => {
  const all = new Set<string>()
  for (let count = 0; count < 3_000; count++) {
    const text = randomHex(8 + (count % 3) * 4)
    assert.match(text, /^[0-9a-f]+$/)
    assert.equal(text.length, 16 + (count % 3) * 8)
    all.add(text)
  }
  assert.equal(all.size, 3_000)
})
