import assert from 'node:assert/strict'
import test from 'node:test'
import { killAgainAndAgain } from '../support/kills.ts'

test('kill -9 under 500 GETs and 50 POSTs a second: no GET fails, no POST comes twice, those that fail had been sent', async (t) => {
  const { gets, failedGets, posts, duplicated, failedPosts, unsent, gaps, boots } = await killAgainAndAgain(2)
  const shown = (values: readonly number[]): string => values.map((ms) => ms.toFixed(0)).join(', ')
  t.diagnostic(
    `${gets} GETs, ${posts} POSTs of which ${failedPosts} failed; gaps ${shown(gaps)} ms, boots ${shown(boots)} ms`,
  )
  assert.deepEqual(failedGets, [])
  assert.deepEqual(duplicated, [])
  assert.deepEqual(unsent, [])
})
