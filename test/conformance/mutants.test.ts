import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

import { mutants } from './mutants.ts'
import { staleness } from './mutants/mutant.ts'
import { count } from './rules.ts'

/** `npm run proof:rules` runs them; this only keeps the table whole and fit for the source. */

test('every rule is broken in at least one way', () => {
  const broken = new Set(mutants.map(({ rule }) => rule))
  const wanted = new Set(Array.from({ length: count }, (_, index) => index + 1))
  assert.deepEqual([...wanted.symmetricDifference(broken)], [])
})

test('every mutant fits the source: what it replaces stands there exactly once', () => {
  const src = path.resolve(import.meta.dirname, '../../src')
  const texts = new Map(
    fs.globSync('**/*.ts', { cwd: src }).map((file) => [file, fs.readFileSync(path.join(src, file), 'utf8')]),
  )
  const stale = mutants.flatMap(({ rule, what, edits }) =>
    edits.flatMap((edit) => {
      const why = staleness(edit, (file) => texts.get(file) ?? null)
      return why === null ? [] : [`rule ${rule}, ${what}: ${why}`]
    }),
  )
  assert.deepEqual(stale, [])
})

test('no mutant leaves the source as it is, and no two of a rule are the same', () => {
  for (const { what, edits } of mutants)
    for (const [, find, replacement] of edits) assert.notEqual(find, replacement, what)
  const names = mutants.map(({ rule, what }) => `rule ${rule}: ${what}`)
  assert.equal(new Set(names).size, names.length)
})
