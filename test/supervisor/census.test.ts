import assert from 'node:assert/strict'
import test from 'node:test'
import { Census } from '../../src/supervisor/census.ts'

test('a look that fails at one run costs neither the others nor the next looks', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const limits = { memory: 100, age: 0 }
  const exceeded: number[] = []
  let looks = 0
  using _ = new Census({
    runs: () => [1, 2].map((run) => ({ run, limits, served: 0 })),
    memoryOf: async (run) => {
      looks += 1
      if (run === 1) throw new Error('EMFILE')
      return 200
    },
    exceeded: (run) => exceeded.push(run),
  })
  for (let times = 1; times <= 3; times += 1) {
    t.mock.timers.tick(2_000)
    await new Promise(setImmediate)
    assert.equal(looks, 2 * times)
  }
  // A peak of one moment is none, and what cannot be looked at is not over its limit.
  assert.deepEqual(exceeded, [2, 2])
})
