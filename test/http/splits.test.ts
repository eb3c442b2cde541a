import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cuts, requestStreams, responseStreams } from './streams.ts'
import { endOf, outcome, readWire } from './wire.ts'

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

test('every limit is met at the same byte, wherever the stream is cut', () => {
  const start = 'GET / HTTP/1.1\r\nHost: h\r\n'
  const cases: [string, 'request' | 'response', string][] = [
    [`${start}X: ${'a'.repeat(LIMITS.field - 3)}\r\n\r\n`, 'request', 'between'],
    [`${start}X: ${'a'.repeat(LIMITS.field - 2)}\r\n\r\n`, 'request', 'field-too-large'],
    [`${start}${'X'.repeat(LIMITS.field + 2)}`, 'request', 'field-too-large'],
    [`${start}X:${' '.repeat(LIMITS.field)}\r\n\r\n`, 'request', 'field-too-large'],
    [`GET /${'a'.repeat(LIMITS.target - 1)} HTTP/1.1\r\nHost: h\r\n\r\n`, 'request', 'between'],
    [`GET /${'a'.repeat(LIMITS.target)} HTTP/1.1\r\nHost: h\r\n\r\n`, 'request', 'target-too-long'],
    [`HTTP/1.1 204 ${'a'.repeat(LIMITS.field)}\r\n\r\n`, 'response', 'between'],
    [`HTTP/1.1 204 ${'a'.repeat(LIMITS.field + 1)}\r\n\r\n`, 'response', 'field-too-large'],
    [`${start}${'X: y\r\n'.repeat(4)}\r\n`, 'request', 'between'],
    [`${start}${'X: y\r\n'.repeat(5)}\r\n`, 'request', 'too-many-fields'],
    [`${start}${`X: ${'a'.repeat(50)}\r\n`.repeat(4)}\r\n`, 'request', 'head-too-large'],
  ]
  for (const [stream, side, expected] of cases) {
    for (let cut = 0; cut <= stream.length; cut++) {
      assert.equal(endOf(readWire(stream, { side, limits: LIMITS, cuts: [cut] })), expected, `${stream} at ${cut}`)
    }
  }
})
