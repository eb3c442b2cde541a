import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { reframe, type Framing } from '../../src/http/framing.ts'
import { nodeClientReads, nodeServerReads } from './node-parser.ts'
import { requestStreams, responseStreams } from './streams.ts'
import { readWire, type ReadMessage } from './wire.ts'

const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: h\r\n\r\n'

/** A message as it leaves us: head and framing are ours, the data is theirs. */
function sendOn(message: ReadMessage, framing: Framing): string {
  if (framing.kind !== 'chunked') return message.rebuilt + message.body
  const chunk = message.body === '' ? '' : `${message.body.length.toString(16)}\r\n${message.body}\r\n`
  return `${message.rebuilt}${chunk}0\r\n\r\n`
}

/** Field lines of a rebuilt head. */
function lines(rebuilt: string): string[] {
  return rebuilt.split('\r\n').slice(1, -2)
}

test('whatever requests we send on, Node reads as exactly those, with the same boundaries', async () => {
  await fc.assert(
    fc.asyncProperty(requestStreams, async (stream) => {
      // Node knows a fixed set of methods; all others are a refusal there, never a different reading.
      const taken = readWire(stream).messages.filter((message) => METHODS.includes(message.start.split(' ')[0] ?? ''))
      const sent = taken.map((message) => sendOn(message, message.framing)).join('')
      const { messages, error } = await nodeServerReads(sent + SENTINEL, taken.length + 1)
      assert.equal(error, null)
      assert.deepEqual(
        messages.map((message) => [message.start, message.body]),
        [...taken.map((message) => [message.start, message.body]), ['GET /sentinel', '']],
      )
      for (const [index, message] of taken.entries()) assert.deepEqual(messages[index]?.fields, lines(message.rebuilt))
    }),
    { numRuns: 800 },
  )
})

test('where Node and we both take the very same bytes, we agree on every message', async () => {
  await fc.assert(
    fc.asyncProperty(requestStreams, async (stream) => {
      const ours = readWire(stream).messages
      const { messages } = await nodeServerReads(stream, ours.length)
      for (const [index, theirs] of messages.entries()) {
        const mine = ours[index]
        // More of theirs than ours means that we refused: our refusal closes the connection.
        if (mine === undefined) return
        assert.equal(theirs.start.split(' ')[0], mine.start.split(' ')[0])
        assert.equal(theirs.body, mine.body)
        assert.deepEqual(theirs.fields, mine.fields)
        assert.deepEqual(theirs.trailers, mine.trailers)
      }
    }),
    { numRuns: 800 },
  )
})

test('whatever response we send on, Node reads as exactly that', async () => {
  await fc.assert(
    fc.asyncProperty(responseStreams, fc.constantFrom('GET', 'HEAD'), async (stream, method) => {
      const { messages } = readWire(stream, { side: 'response', method })
      const final = messages.find((message) => Number(message.start) >= 200)
      if (final === undefined) return
      const framing = reframe(final.framing, 1)
      const rebuilt =
        framing === final.framing ? final.rebuilt : final.rebuilt.replace(/\r\n$/, 'Transfer-Encoding: chunked\r\n\r\n')
      const read = await nodeClientReads(sendOn({ ...final, rebuilt }, framing), method)
      assert.equal(read.error, null)
      assert.deepEqual([read.messages[0]?.start, read.messages[0]?.body], [final.start, final.body])
      assert.deepEqual(read.messages[0]?.fields, lines(rebuilt))
    }),
    { numRuns: 800 },
  )
})

test('where a Node client and we both take the very same response, we agree on it', async () => {
  await fc.assert(
    fc.asyncProperty(responseStreams, fc.constantFrom('GET', 'HEAD'), async (stream, method) => {
      const { messages } = readWire(stream, { side: 'response', method })
      const final = messages.find((message) => Number(message.start) >= 200)
      if (final === undefined || messages.some((message) => message.start === '101')) return
      const read = await nodeClientReads(stream, method)
      const [theirs] = read.messages
      if (theirs === undefined) return
      assert.deepEqual([theirs.start, theirs.body], [final.start, final.body])
      assert.deepEqual(theirs.fields, final.fields)
    }),
    { numRuns: 800 },
  )
})
