import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Restless } from '../../src/supervisor/restless.ts'

test('a folder that is written all the time is let go, looked at every second, and watched again', () => {
  const log: string[] = []
  const restless = new Restless({
    watch: (folder) => log.push(`watch ${folder}`),
    unwatch: (folder) => log.push(`unwatch ${folder}`),
    look: (folder) => log.push(`look ${folder}`),
  })
  const write = (folder: string, times: number): number => {
    return Array.from({ length: times }, () => restless.stirs(folder)).filter(Boolean).length
  }
  assert.equal(write('/apps/calm', 150), 150)
  assert.equal(write('/apps/db', 1_000), 199)
  restless.second()
  assert.equal(write('/apps/calm', 150), 150, 'every second counts for itself')
  assert.equal(write('/apps/db', 1_000), 0)
  for (let second = 0; second < 9; second++) restless.second()
  const looks = Array.from({ length: 9 }, () => 'look /apps/db')
  assert.deepEqual(log, ['unwatch /apps/db', ...looks, 'watch /apps/db', 'look /apps/db'])
  assert.equal(write('/apps/db', 10), 10)
})
