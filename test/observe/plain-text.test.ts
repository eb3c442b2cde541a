import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { plainText } from '../../src/observe/plain-text.ts'

/* oxlint-disable no-control-regex */

test('ordinary text passes untouched, tabs and other scripts too', () => {
  for (const text of ['', 'hello\tworld', 'Grüße 你好 مرحبا 🚢']) assert.equal(plainText(text, true), text)
})

test('what terminals obey is taken out whole', () => {
  const attacks = [
    '\u001b[2J\u001b[H', // clear
    '\u001b]0;title\u0007', // window title
    '\u001b]52;c;cm0gLXJm\u001b\\', // clipboard
    '\u001bP$q"p\u001b\\', // DECRQSS answers as if typed
    '\u009b6n', // 8-bit CSI
    '\u009d0;t\u009c', // 8-bit OSC
    '\u001b(0', // character set
    '\u001bc', // reset
    '\r\b\u0000\u007f\u2028',
    '\u001b[8mhidden'.slice(0, 4),
  ]
  for (const attack of attacks) assert.equal(plainText(`a${attack}b`, true), 'ab', JSON.stringify(attack))
})

test('an unfinished control string does not take the rest of the line with it', () => {
  assert.equal(plainText('before \u001b]0;after', false), 'before 0;after')
})

test('colours stay where they are wanted and are closed', () => {
  assert.equal(plainText('\u001b[38;5;1mred', true), '\u001b[38;5;1mred\u001b[0m')
  assert.equal(plainText('\u001b[38:2::1:2:3mred\u001b[0m', true), '\u001b[38:2::1:2:3mred\u001b[0m\u001b[0m')
  assert.equal(plainText('\u001b[38;5;1mred', false), 'red')
})

test('whatever comes in, nothing but text, tabs and colours comes out', () => {
  const nasty = fc.constantFrom(
    '\u001b',
    '[',
    ']',
    'm',
    ';',
    '0',
    '8',
    '\u0007',
    '\u009b',
    '\u009d',
    '\\',
    'P',
    '?',
    'a',
  )
  const text = fc.array(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 3 })), { size: 'max', maxLength: 200 })
  fc.assert(
    fc.property(text, fc.boolean(), (pieces, color) => {
      const safe = plainText(pieces.join(''), color)
      const rest = color ? safe.replaceAll(/\u001b\[[0-9:;]*m/g, '') : safe
      return !/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/.test(rest)
    }),
    { numRuns: 500 },
  )
})

test('a long line of unfinished sequences takes no long time', () => {
  for (const piece of ['\u001b]', '\u009d', '\u001b[', '\u001b[0;', '\u001b ']) {
    // In processor time: a square of the length would take minutes.
    const before = process.cpuUsage()
    plainText(piece.repeat(200_000), true)
    assert.ok(process.cpuUsage(before).user < 5_000_000, JSON.stringify(piece))
  }
})
