import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ageOf, excessOf, limitedRuns } from '../../src/model/recycle.ts'
import { World } from './world.ts'

const mb = 2 ** 20

test('one look over the limit of memory is a peak, two in a row are too much', () => {
  const limited = { run: 1, limits: { memory: 100 * mb, age: 0 }, served: 1_000 }
  assert.equal(excessOf(limited, 120 * mb, 1), null)
  assert.equal(excessOf(limited, 120 * mb, 2), 'it holds 120mb of memory, more than its limit of 100mb')
  assert.equal(excessOf(limited, null, 0), null)
})

test('instances that began together come of age one after the other, none later than its age', () => {
  const ages = Array.from({ length: 50 }, (_, run) => ageOf(3_600_000, run + 1))
  assert.ok(ages.every((age) => age > 3_240_000 && age <= 3_600_000))
  assert.equal(new Set(ages.map((age) => Math.round(age / 1_000))).size, 50)
  const limited = { run: 1, limits: { memory: 0, age: 3_600_000 }, served: 3_600_000 }
  assert.equal(excessOf(limited, null, 0), 'it has served for 1.0h, its limits.age')
  assert.equal(excessOf({ ...limited, served: 3_200_000 }, null, 0), null)
})

test('only instances that serve, of apps that have a limit, are looked at', () => {
  const world = new World({})
  world.offer('free', 'v1')
  world.offer('bound', 'v1', { limits: { memory: 0, age: 5_000 } })
  assert.deepEqual(limitedRuns(world.fleet, world.now), [])
  world.pass(1_000)
  const runs = limitedRuns(world.fleet, world.now)
  assert.deepEqual(
    runs.map(({ run }) => run),
    [2],
  )
})
