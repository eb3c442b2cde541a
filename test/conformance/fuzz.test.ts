import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const fuzz = path.join(import.meta.dirname, '../../bench/fuzz.ts')

test('a short run of the fuzzer finds nothing', async () => {
  const run = promisify(execFile)(process.execPath, [
    fuzz,
    '--seconds',
    '2',
    '--least',
    '60',
    '--seed',
    '1',
    '--lanes',
    '6',
  ])
  const { stdout } = await run.catch((error: { stdout?: string; stderr?: string }) =>
    assert.fail(`${error.stdout ?? ''}${error.stderr ?? ''}`),
  )
  const [, cases = '0'] = /: (\d+) connections/.exec(stdout) ?? []
  assert.ok(Number(cases) >= 60, stdout)
  assert.match(stdout, /nothing found/)
})
