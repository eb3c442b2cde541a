import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'

import { count, formatRules, list, readRules } from './rules.ts'

test(`every rule from 1 to ${count} has a test that bears its number`, () => {
  const rules = readRules()
  const wanted = Array.from({ length: count }, (_, index) => index + 1)
  assert.deepEqual(
    wanted.filter((rule) => !rules.has(rule)),
    [],
  )
  assert.deepEqual(
    [...rules.keys()].filter((rule) => !wanted.includes(rule)),
    [],
  )
})

test('the list of rules and their tests is as the tests are', () => {
  assert.equal(fs.readFileSync(list, 'utf8'), formatRules(), 'write it anew: node test/conformance/rules.ts')
})
