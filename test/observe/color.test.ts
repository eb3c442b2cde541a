import assert from 'node:assert/strict'
import test from 'node:test'
import { wantsColor } from '../../src/observe/color.ts'

test('a terminal gets colours, a pipe and a dumb terminal do not', () => {
  assert.equal(wantsColor({ env: {}, isTTY: true, wanted: true }), true)
  assert.equal(wantsColor({ env: {}, isTTY: false, wanted: true }), false)
  assert.equal(wantsColor({ env: { TERM: 'dumb' }, isTTY: true, wanted: true }), false)
})

test('NO_COLOR counts unless it is empty', () => {
  assert.equal(wantsColor({ env: { NO_COLOR: '1' }, isTTY: true, wanted: true }), false)
  assert.equal(wantsColor({ env: { NO_COLOR: '' }, isTTY: true, wanted: true }), true)
})

test('FORCE_COLOR is stronger than a pipe, NO_COLOR than that, the flag is stronger than all', () => {
  assert.equal(wantsColor({ env: { FORCE_COLOR: '1', NO_COLOR: '1' }, isTTY: true, wanted: true }), false)
  assert.equal(wantsColor({ env: { FORCE_COLOR: '1', NO_COLOR: '' }, isTTY: false, wanted: true }), true)
  assert.equal(wantsColor({ env: { FORCE_COLOR: '0' }, isTTY: true, wanted: true }), false)
  assert.equal(wantsColor({ env: { FORCE_COLOR: '1' }, isTTY: true, wanted: false }), false)
})
