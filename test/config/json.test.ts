import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as check, constantFrom, array, property } from 'fast-check'
import { parseJson } from '../../src/config/json.ts'

describe('parseJson', () => {
  it('reads JSON, also after a byte order mark', () => {
    assert.deepEqual(parseJson('\uFEFF{"a": [1, "b"]}'), { ok: true, value: { a: [1, 'b'] } })
  })

  it('names the line and the mistake, and quotes nothing of the text', () => {
    const cases: readonly (readonly [string, number, RegExp])[] = [
      ['', 1, /is empty/],
      ['{\n  "a": 1,\n}', 3, /a comma too many/],
      ['{\n  "a": }', 2, /nothing between/],
      ['{\n  // secret\n}', 2, /a comment/],
      ["{\n  'a': 1 }", 2, /single quotes/],
      ['{\n  a: 1 }', 2, /without double quotes/],
      ['{\n  "a" 1 }', 2, /misses a colon/],
      ['{\n  "a": 1\n  "b": 2 }', 3, /misses a comma/],
      ['{\n  "a": "x\n}', 2, /never closed/],
      ['{\n  "a": secret }', 2, /not a value/],
      ['{ "a": [1,\n 2 }', 2, /misses a comma or a closing bracket/],
      ['{ "a": 1 }\n}', 2, /goes on after its end/],
      ['{ "a": {\n "b": 1', 2, /ends too early, a } is missing/],
    ]
    for (const [text, line, reason] of cases) {
      const json = parseJson(text)
      assert.ok(!json.ok, text)
      assert.equal(json.line, line, text)
      assert.match(json.reason, reason)
      assert.doesNotMatch(json.reason, /secret/)
    }
  })

  it('finds a place in whatever JSON.parse refuses', () => {
    const piece = constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"',
      '\\',
      '1',
      '01',
      '-',
      'true',
      'x',
      '\n',
      ' ',
      '\u00a0',
      '/',
    )
    check(
      property(array(piece, { size: 'max', maxLength: 40 }), (pieces) => {
        const text = pieces.join('')
        const json = parseJson(text)
        if (!json.ok) assert.ok(json.line >= 1 && json.line <= text.split('\n').length && json.reason !== '')
      }),
      { numRuns: 2_000 },
    )
  })
})
