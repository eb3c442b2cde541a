import assert from 'node:assert/strict'
import test from 'node:test'
import { crashesText } from '../../src/cli/crashes.ts'
import type { CrashReport } from '../../src/model/crash.ts'

test('a list of crashes keeps a reason that is a page to one line, and apart from the run', () => {
  const reason = `it is stopped and answers nothing: ${'x'.repeat(1_000)}`
  const [line] = crashesText({ crashes: [report(reason)], suspects: [] }).split('\n')
  assert.match(line ?? '', /hello-1-abc {2}hello run 1: it is stopped .*x…$/)
  assert.ok((line ?? '').length < 300)
})

function report(reason: string): CrashReport {
  const at = '2026-01-31T12:00:00.000Z'
  const who = { id: 'hello-1-abc', app: 'hello', run: 1, pid: 1, version: 'v', at, memory: null, uptime: 1 }
  const end = { cause: 'unhealthy', reason, code: null, signal: null, outOfMemory: false, output: [] } as const
  return { ...who, ...end, flights: [], more: 0, culprit: null, suspects: [], blame: 'no request was in flight' }
}
