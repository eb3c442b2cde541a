import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import fc from 'fast-check'
import { findFaults } from '../../src/supervisor/env-faults.ts'

test('what is right has no faults: comments, quotes over lines, export, empty values', () => {
  const text =
    '\n# a\n  # b\nA=1\nexport B = two words # c\nC="one\nBAD LINE\n=x"\nD=\'"\'\nE=`\n`  # f\nF=\nG=it\'s\r\nH="x"\r\n'
  assert.deepEqual(findFaults(text), [])
})

test('each mistake is named with its line', () => {
  const faults = (text: string): readonly string[] => findFaults(text)
  assert.deepEqual(faults('A=1\nBAD LINE\n\n=x\n export = y'), [
    'line 2 has no =',
    'line 4 has no name before =',
    'line 5 has no name before =',
  ])
  assert.match(faults('A= \nB=1').join(), /^line 1 has a space after = and no value/)
  assert.deepEqual(faults('A B=1'), ['line 1 has a space in its name'])
  assert.deepEqual(faults("A=\"x\n'\nB='y"), [
    'line 1 has a quote that is not closed',
    'line 2 has no =',
    'line 3 has a quote that is not closed',
  ])
  assert.deepEqual(faults('X=1\nA="open\nB=2\nC="x"\nbad'), [
    'the quote of line 2 is closed where more text follows, which is not used',
    'line 5 has no =',
  ])
})

test('a text without faults gives as many variables as it has lines to give them', () => {
  const line = fc.constantFrom('A=1', 'B="x"', "C='y'", 'bad', '=x', '', '# c', 'D=`z`', 'E=', 'F="a b" # c')
  fc.assert(
    fc.property(fc.array(line, { size: 'max', maxLength: 30 }), (lines) => {
      const names = new Set(lines.filter((it) => /^[A-F]/.test(it)).map((it) => it[0]))
      const text = lines.join('\n')
      assert.equal(Object.keys(parseEnv(text)).length, names.size)
      assert.equal(findFaults(text).length, lines.filter((it) => it === 'bad' || it === '=x').length)
    }),
  )
})
