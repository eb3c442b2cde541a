import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Claims } from '../../src/supervisor/claims.ts'

test('the first keeps the name, and when it goes the next in line has it', () => {
  const claims = new Claims<string>()
  for (const it of ['a', 'b', 'a', 'c']) claims.claim('hello', it)
  assert.equal(claims.owner('hello'), 'a')
  assert.deepEqual(claims.release('hello', 'b'), [])
  assert.deepEqual(claims.release('hello', 'stranger'), [])
  assert.deepEqual(claims.release('hello', 'a'), ['c'])
  assert.equal(claims.owner('hello'), 'c')
  assert.deepEqual(claims.release('hello', 'c'), [])
  assert.equal(claims.owner('hello'), undefined)
})
