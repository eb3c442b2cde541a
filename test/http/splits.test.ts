import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cuts, requestStreams, responseStreams } from './streams.ts'
import { outcome, readWire } from './wire.ts'

const LIMITS = { target: 40, fields: 5, field: 60, head: 200 }

test('how a stream of requests is split never changes what is read', () => {
  fc.assert(
    fc.property(requestStreams, cuts, (stream, cuts) => {
      assert.deepEqual(outcome(readWire(stream, { cuts })), outcome(readWire(stream)))
    }),
    { numRuns: 3000 },
  )
})

test('how a stream of responses is split never changes what is read', () => {
  fc.assert(
    fc.property(responseStreams, cuts, fc.constantFrom('GET', 'HEAD'), (stream, cuts, method) => {
      const wire = { side: 'response', method } as const
      assert.deepEqual(outcome(readWire(stream, { ...wire, cuts })), outcome(readWire(stream, wire)))
    }),
    { numRuns: 3000 },
  )
})

test('nor does it change which limit is met', () => {
  fc.assert(
    fc.property(requestStreams, cuts, (stream, cuts) => {
      assert.deepEqual(
        outcome(readWire(stream, { cuts, limits: LIMITS })),
        outcome(readWire(stream, { limits: LIMITS })),
      )
    }),
    { numRuns: 2000 },
  )
})

test('what is refused in the whole is refused no later when more follows', () => {
  fc.assert(
    fc.property(requestStreams, fc.string(), (stream, more) => {
      const { end } = readWire(stream)
      if (typeof end === 'object') assert.deepEqual(readWire(stream + more).end, end)
    }),
    { numRuns: 1000 },
  )
})
