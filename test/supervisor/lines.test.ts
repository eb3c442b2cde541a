import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineSplitter, longestLine, makePrintable, readPrintable } from '../../src/supervisor/lines.ts'

function split(chunks: readonly Buffer[], limit = 3): string[] {
  const splitter = new LineSplitter()
  const lines: string[] = []
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) at = splitter.push(chunk, at, limit, (line) => lines.push(line))
  }
  splitter.flush((line) => lines.push(line))
  return lines
}

test('lines are the same however the bytes arrive', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🚢', '\n', '\r\n', ' '), maxLength: 200 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(40), { size: 'max', maxLength: 60 }), (text, sizes) => {
      const expected = text.split('\n').map((line) => line.replace(/\r$/, ''))
      if (text.endsWith('\n') || text === '') expected.pop()
      const bytes = Buffer.from(text)
      const chunks: Buffer[] = []
      let at = 0
      for (const size of sizes) {
        chunks.push(bytes.subarray(at, at + size))
        at += size
      }
      chunks.push(bytes.subarray(at))
      assert.deepEqual(split(chunks), expected)
    }),
  )
})

test('a line of 10 MB is cut into marked parts that hold every character', () => {
  const text = 'é漢🚢x'.repeat(1_000_000)
  const bytes = Buffer.from(`${text}\nnext`)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536))
  const lines = split(chunks)
  assert.equal(lines.pop(), 'next')
  assert.ok(lines.length >= 10_000_000 / longestLine)
  for (const [at, line] of lines.entries()) {
    assert.ok(Buffer.byteLength(line) <= longestLine + 6)
    assert.equal(line.startsWith('…'), at > 0)
    assert.equal(line.endsWith('…'), at < lines.length - 1)
  }
  assert.equal(lines.map((line) => line.replace(/^…|…$/g, '')).join(''), text)
})

test('bytes that are not UTF-8 become U+FFFD and never stall', () => {
  assert.deepEqual(split([Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a, 0xc3])]), ['a\ufffd\ufffdb', '\ufffd'])
  const broken = Buffer.alloc(300_000, 0x80)
  assert.equal(split([broken]).join('').replaceAll('…', '').length, 300_000)
})

test('empty lines are lines', () => {
  assert.deepEqual(split([Buffer.from('\n\r\n\na')]), ['', '', '', 'a'])
})

test('control characters are shown, colours stay, nothing else reaches the terminal', () => {
  assert.equal(makePrintable('a\0b\x07c\td'), 'a\\x00b\\x07c\td')
  assert.equal(makePrintable('\x1b[1;31mred\x1b[0m'), '\x1b[1;31mred\x1b[0m')
  assert.equal(makePrintable('\x1b]52;c;ZXZpbA==\x07\x1b[2J'), '\\x1b]52;c;ZXZpbA==\\x07\\x1b[2J')
  assert.equal(makePrintable('10 %\r20 %'), '10 %\\x0d20 %')
  assert.equal(makePrintable('\x9b2J'), '\\x9b2J')
  assert.equal(makePrintable('C:\\x64\\new'), 'C:\\\\x64\\new')
})

test('what was escaped can be read back', () => {
  const unit = fc.constantFrom('\\', 'x', '0', '7', 'a', '\0', '\x07', '\x1b', '[', 'm', '\x9b', '\r')
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
      const shown = makePrintable(text)
      assert.equal(readPrintable(shown), text)
      // oxlint-disable-next-line no-control-regex
      assert.doesNotMatch(shown.replace(/\x1b\[[0-9;:]*m/g, ''), /[\0-\x08\x0a-\x1f\x7f-\x9f]/)
    }),
    { numRuns: 2_000 },
  )
})
