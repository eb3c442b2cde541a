import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, property, uint8Array } from 'fast-check'
import { readShebang } from '../../src/supervisor/shebang.ts'

const read = (text: string): ReturnType<typeof readShebang> => readShebang(Buffer.from(text))

test('the interpreter is named directly or found by env', () => {
  assert.deepEqual(read('#!/bin/sh\n'), { kind: 'found', interpreter: '/bin/sh', command: null })
  assert.deepEqual(read('#! /bin/sh -eu'), { kind: 'found', interpreter: '/bin/sh', command: null })
  const env = (rest: string): unknown => ({ ...read(`#!/usr/bin/env ${rest}\n`) })
  const found = (command: string): unknown => ({ kind: 'found', interpreter: '/usr/bin/env', command })
  assert.deepEqual(env('python3'), found('python3'))
  assert.deepEqual(env('-S node --no-warnings'), found('node'))
  assert.deepEqual(env('-Snode --no-warnings'), found('node'))
  assert.deepEqual(env('-i A=1 -u B perl -w'), found('perl'))
})

test('what the kernel would stumble over is told apart', () => {
  assert.deepEqual(read('#!/bin/sh\r\n'), { kind: 'broken', reason: 'crlf' })
  assert.deepEqual(read('\ufeff#!/bin/sh\n'), { kind: 'broken', reason: 'bom' })
  assert.deepEqual(read('#!  \n'), { kind: 'broken', reason: 'empty' })
  assert.deepEqual(read(`#!/${'x'.repeat(400)}\n`), { kind: 'broken', reason: 'endless' })
  assert.deepEqual(read('echo hi\n'), { kind: 'none' })
  assert.deepEqual(read(''), { kind: 'none' })
})

test('no bytes after #! can break it', () => {
  check(
    property(uint8Array({ maxLength: 400, size: 'max' }), (rest) => void readShebang(Buffer.from([35, 33, ...rest]))),
  )
})
