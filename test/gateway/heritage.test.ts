import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { heritage } from '../../src/gateway/heritage.ts'

test('as many threads as before get a socket for each address', () => {
  const sockets = { descriptors: [4, 5, 6, 7], threads: 2, port: 80 }
  assert.deepEqual(heritage(sockets, 2), {
    port: 80,
    group: 2,
    shares: [
      [4, 5],
      [6, 7],
    ],
  })
})

test('every socket is listened on by exactly one thread, and those of one address are spread evenly', () => {
  const size = fc.integer({ min: 1, max: 9 })
  fc.assert(
    fc.property(size, size, fc.integer({ min: 1, max: 2 }), (threads, count, group) => {
      const descriptors = Array.from({ length: threads * group }, (_, at) => 4 + at)
      const { shares } = heritage({ descriptors, threads, port: 80 }, count)
      assert.equal(shares.length, Math.min(threads, count))
      assert.deepEqual(
        shares.flat().sort((a, b) => a - b),
        descriptors,
      )
      for (let address = 0; address < group; address++) {
        const counts = shares.map((share) => share.filter((fd) => (fd - 4) % group === address).length)
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1)
      }
    }),
  )
})
