import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { root } from '../support/folder.ts'

/** How many there are; they are numbered from 1. */
const count = 42

/** Number → its line in the list for people. */
const lines = new Map(
  fs
    .readFileSync(path.join(root, 'docs/scenarios.md'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const number = /^\| (\d+) \|/.exec(line)?.[1]
      return number === undefined ? [] : [[Number(number), line] as const]
    }),
)

test(`each of the ${count} scenarios is shown by tests that are there, or says why it is not tested`, () => {
  assert.deepEqual(
    [...lines.keys()],
    Array.from({ length: count }, (_, i) => i + 1),
  )
  for (const [number, line] of lines) {
    const tests = [...line.matchAll(/\]\(\.\.\/([^)]+)\): (.*?)(?=<br>| \|$)/g)]
    assert.ok(tests.length > 0 || line.includes('Not tested: '), `scenario ${number} is not shown`)
    for (const [, file = '', name = ''] of tests) {
      const text = fs.readFileSync(path.join(root, file), 'utf8')
      assert.ok(text.includes(name), `scenario ${number}: ${file} has no test "${name}"`)
    }
  }
})
