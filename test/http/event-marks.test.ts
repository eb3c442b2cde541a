import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'

import { EventMarks } from '../../src/http/event-marks.ts'

const eol = fc.constantFrom('\n', '\r\n', '\r')
const line = fc.constantFrom('data: x', 'data: a longer line of text', ':', 'id: 7')

/** Written with one kind of line end, as every server does. */
const stream = eol.chain((end) =>
  fc.array(fc.array(line, { minLength: 1, maxLength: 3 }), { maxLength: 5 }).map((events) => {
    return events.map((lines) => `${lines.join(end)}${end}${end}`)
  }),
)

function boundariesOf(events: readonly string[]): Set<number> {
  const ends = new Set([0])
  let at = 0
  for (const event of events) {
    at += event.length
    ends.add(at)
    // Behind CR LF CR the line has ended; its LF changes nothing.
    if (event.endsWith('\r\n')) ends.add(at - 1)
  }
  return ends
}

test('whatever the pieces, the marks stand behind the empty lines', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400), { maxLength: 20 }), (events, cuts) => {
      const bytes = Buffer.from(events.join(''))
      const ends = boundariesOf(events)
      const marks = new EventMarks()
      const stops = [...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].sort((a, b) => a - b)
      let at = 0
      for (const stop of stops) {
        assert.equal(marks.follow(bytes, at, stop, false), stop)
        at = stop
        assert.equal(marks.atBoundary, ends.has(at), `at ${at} of ${JSON.stringify(bytes.toString())}`)
      }
    }),
    { numRuns: 500 },
  )
})

test('told to stop, it goes to the end of the event under way and not a byte further', () => {
  fc.assert(
    fc.property(stream, fc.nat(), (events, from) => {
      const bytes = Buffer.from(events.join(''))
      const start = from % (bytes.length + 1)
      const marks = new EventMarks()
      marks.follow(bytes, 0, start, false)
      const stop = marks.follow(bytes, start, bytes.length, true)
      let end = 0
      for (const event of events) {
        if (end >= start) break
        end += event.length
      }
      assert.equal(stop, end)
      assert.ok(marks.atBoundary)
    }),
    { numRuns: 500 },
  )
})
