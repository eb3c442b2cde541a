import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'

import fc from 'fast-check'

import { nodeClientReads, nodeServerReads } from '../http/node-parser.ts'
import { ask, startRig } from './kit.ts'

/** Whatever the gateway writes, Node's own parser reads as the one message that was meant. */

const token = fc.stringMatching(/^[!#$%&'*+.^`|~0-9A-Za-z-]{1,12}$/)
const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?$/)
/** Names of their own, so that no field means anything to the gateway. */
const fields = fc.array(
  fc.tuple(token, value).map(([name, text]) => [`x-z-${name}`, text] as const),
  { maxLength: 12, size: 'max' },
)
const bytes = fc
  .uint8Array({ maxLength: 300, size: 'max' })
  .map((array) => Buffer.from(array).toString('latin1'))
  .filter((text) => text.length !== 1)
const pieces = fc.array(
  bytes.filter((text) => text !== ''),
  { maxLength: 5 },
)
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
const lines = (list: readonly (readonly [string, string])[]): string[] => list.map(([name, text]) => `${name}: ${text}`)

const methods = METHODS.filter((method) => !['CONNECT', 'TRACE'].includes(method))
const target = fc.stringMatching(/^\/[!$&'()*+,;=:@~0-9A-Za-z_-]{0,30}(\?[!$&'()*+,;=:@~0-9A-Za-z_/?-]{0,20})?$/)

test('a request that goes on is one message to llhttp, with the same method, target, fields and body', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...methods),
      target,
      fields,
      pieces,
      fc.constantFrom('none', 'length', 'chunked'),
      async (method, path, list, parts, framing) => {
        const body = framing === 'none' ? '' : parts.join('')
        const coding =
          framing === 'chunked'
            ? ['Transfer-Encoding: chunked']
            : framing === 'length'
              ? [`Content-Length: ${body.length}`]
              : []
        const sent = framing === 'chunked' ? `${parts.map(chunk).join('')}0\r\n\r\n` : body
        const before = rig.child.requests.length
        peer.send(ask(`${method} ${path}`, ...lines(list), ...coding) + sent)
        assert.equal((await peer.response(method)).status, 200)
        assert.equal(rig.child.requests.length, before + 1)
        const seen = rig.child.requests[before]
        assert.ok(seen)
        const { messages } = await nodeServerReads(seen.raw, 1)
        assert.equal(messages.length, 1)
        assert.deepEqual([messages[0]?.start, messages[0]?.body], [`${method} ${path}`, body])
        assert.equal(messages[0]?.fields.length, seen.fields.length)
        const own = (all: readonly string[]): string[] => all.filter((line) => line.toLowerCase().startsWith('x-z-'))
        assert.deepEqual(own(messages[0]?.fields ?? []), lines(list))
      },
    ),
    { numRuns: 300 },
  )
  assert.deepEqual(rig.child.bad, [])
})

test('a response that goes on is one message to llhttp, with the same status, fields and body', async () => {
  await using rig = await startRig()
  const status = fc.integer({ min: 200, max: 599 }).filter((code) => code !== 205)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'HEAD', 'POST'),
      status,
      fields,
      pieces,
      fc.constantFrom('length', 'chunked', 'close'),
      async (method, code, list, parts, framing) => {
        const none = method === 'HEAD' || code === 204 || code === 304
        const body = none ? '' : parts.join('')
        const coding =
          framing === 'chunked'
            ? 'Transfer-Encoding: chunked\r\n'
            : framing === 'length'
              ? `Content-Length: ${body.length}\r\n`
              : 'Connection: close\r\n'
        const sent = none ? '' : framing === 'chunked' ? `${parts.map(chunk).join('')}0\r\n\r\n` : body
        rig.child.script = (app) => {
          app.send(
            `HTTP/1.1 ${code} Fine\r\n${lines(list)
              .map((line) => `${line}\r\n`)
              .join('')}${coding}\r\n${sent}`,
          )
          if (framing === 'close') app.socket.end()
        }
        const peer = await rig.dial()
        peer.send(ask(`${method} /x`))
        const reply = await peer.response(method)
        assert.deepEqual([reply.status, reply.body], [code, body])
        const { messages } = await nodeClientReads(reply.message.raw, method)
        assert.deepEqual([messages.length, messages[0]?.start, messages[0]?.body], [1, String(code), body])
        const own = (messages[0]?.fields ?? []).filter((line) => line.toLowerCase().startsWith('x-z-'))
        assert.deepEqual(own, lines(list))
        assert.equal(peer.rest(), '')
        peer.socket.destroy()
      },
    ),
    { numRuns: 300 },
  )
})
