import assert from 'node:assert/strict'
import test from 'node:test'
import { reasonIn } from '../../src/main/reason.ts'

const cases: readonly (readonly [string, string, string | null])[] = [
  ['nothing', '\n\n', null],
  ['a sentence', 'node: bad option: --nope\nand more', 'node: bad option: --nope'],
  [
    'a place and an error',
    'file:///a.ts:46\nsecret\n ^^\n\nSyntaxError: Oh\n at x',
    'file:///a.ts:46: SyntaxError: Oh',
  ],
  ['a place within Node', 'node:internal/a:14\n throw e\n\nError [A_B]: Oh\n at x', 'Error [A_B]: Oh'],
  ['a place alone', 'file:///a.ts:46\n', 'file:///a.ts:46'],
  ['control characters', '\u001b[31mError: red', '[31mError: red'],
]

for (const [what, stderr, reason] of cases)
  test(`the reason in ${what} is ${reason}`, () => assert.equal(reasonIn(stderr), reason))

test('a reason is not longer than a line', () => assert.equal(reasonIn('x'.repeat(10_000))?.length, 300))
