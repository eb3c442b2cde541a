import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import type { CrashReport } from '../../src/model/crash.ts'
import { CrashFiles } from '../../src/supervisor/crash-files.ts'

function report(app: string, run: number): CrashReport {
  return {
    id: `${app}-${run}-x`,
    app,
    run,
    pid: 1,
    version: 'abc',
    at: new Date(run * 1_000).toISOString(),
    cause: 'died',
    reason: 'exited with code 1 after 1.0s of service',
    code: 1,
    signal: null,
    outOfMemory: false,
    memory: null,
    uptime: 1_000,
    flights: [],
    more: 0,
    culprit: null,
    suspects: [],
    blame: 'no request was in flight',
    output: [],
  }
}

test('the newest 20 reports of an app are kept, on disk as well, for its owner only, and read again', async () => {
  const state = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-crashes-'))
  const told: string[] = []
  {
    await using files = await CrashFiles.open(state, (_, message) => void told.push(message))
    for (let run = 1; run <= 25; run++) files.put(report('hello', run))
    files.put(report('other', 26))
    assert.deepEqual(
      [files.list('hello').length, files.list('hello')[0]?.run, files.list(null)[0]?.app],
      [20, 25, 'other'],
    )
  }
  const folder = path.join(state, 'crashes')
  const names = await fs.readdir(folder)
  assert.equal(names.length, 21)
  assert.equal((await fs.stat(folder)).mode & 0o777, 0o700)
  assert.equal((await fs.stat(path.join(folder, 'hello-25-x.json'))).mode & 0o777, 0o600)
  await fs.writeFile(path.join(folder, 'half-1-x.json'), '{"id":"half-1-x","app"')
  await using again = await CrashFiles.open(state, (_, message) => void told.push(message))
  assert.deepEqual([again.list(null).length, again.list('hello').at(-1)?.run], [21, 6])
  assert.deepEqual(told, [])
  await fs.rm(state, { recursive: true })
})

test('a disk that cannot be written costs the files, told once, and not the reports', async () => {
  const state = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-crashes-'))
  await fs.writeFile(path.join(state, 'crashes'), 'in the way')
  const told: string[] = []
  {
    await using files = await CrashFiles.open(state, (_, message) => void told.push(message))
    told.length = 0
    for (let run = 1; run <= 3; run++) files.put(report('hello', run))
    assert.equal(files.list('hello').length, 3)
  }
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', /in memory only/)
  await fs.rm(state, { recursive: true })
})
