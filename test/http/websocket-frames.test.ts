import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'

import { closeFrame, FrameMarks, maskedCloseFrame } from '../../src/http/websocket-frames.ts'

interface Frame {
  readonly opcode: number
  readonly size: number
  readonly masked: boolean
  /** Written with more length bytes than it needs. */
  readonly long: boolean
}

const frame = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 9, 10),
  size: fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(65_535, 65_536, 70_000)),
  masked: fc.boolean(),
  long: fc.boolean(),
})

function write({ opcode, size, masked, long }: Frame): Buffer {
  const mark = masked ? 0x80 : 0
  const head =
    size > 65_535 || (long && size > 125)
      ? Buffer.from([
          0x80 | opcode,
          mark | 127,
          0,
          0,
          0,
          0,
          size >>> 24,
          (size >> 16) & 255,
          (size >> 8) & 255,
          size & 255,
        ])
      : size > 125
        ? Buffer.from([0x80 | opcode, mark | 126, size >> 8, size & 255])
        : Buffer.from([0x80 | opcode, mark | size])
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0, 0x88), Buffer.alloc(size, 0x88)])
}

test('whatever the pieces, the marks stand exactly between frames', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(200_000), { maxLength: 20 }), (frames, cuts) => {
      const written = frames.map(write)
      const bytes = Buffer.concat(written)
      const ends = new Set([0])
      for (const piece of written) ends.add(Math.max(...ends) + piece.length)
      const marks = new FrameMarks()
      const stops = [...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].sort((a, b) => a - b)
      let at = 0
      for (const stop of stops) {
        assert.equal(marks.follow(bytes, at, stop, false), stop)
        at = stop
        assert.equal(marks.atBoundary, ends.has(at), `at ${at}`)
      }
      assert.equal(marks.closing, false)
    }),
    { numRuns: 300 },
  )
})

test('told to stop, it goes to the end of the frame under way and not a byte further', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.nat(), (frames, from) => {
      const written = frames.map(write)
      const bytes = Buffer.concat(written)
      const start = from % (bytes.length + 1)
      const marks = new FrameMarks()
      marks.follow(bytes, 0, start, false)
      const ends: number[] = [0]
      for (const piece of written) ends.push((ends.at(-1) ?? 0) + piece.length)
      assert.equal(
        marks.follow(bytes, start, bytes.length, true),
        ends.find((end) => end >= start),
      )
      assert.ok(marks.atBoundary)
    }),
    { numRuns: 300 },
  )
})

test('a Close frame of either side is one frame that says so', () => {
  for (const bytes of [closeFrame(1012), maskedCloseFrame(1012, Buffer.from([1, 2, 3, 4]))]) {
    const marks = new FrameMarks()
    assert.equal(marks.follow(bytes, 0, 3, false), 3)
    assert.ok(!marks.atBoundary)
    marks.follow(bytes, 3, bytes.length, true)
    assert.ok(marks.atBoundary)
    assert.ok(marks.closing)
  }
  assert.deepEqual([...closeFrame(1012)], [0x88, 2, 0x03, 0xf4])
  assert.deepEqual([...maskedCloseFrame(1012, Buffer.from([1, 2, 3, 4]))], [0x88, 0x82, 1, 2, 3, 4, 0x02, 0xf6])
})
