import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { InstanceRoll, type Recorded } from '../../src/supervisor/roll.ts'

const launch = { version: 'v', file: '/a', args: [], cwd: '/', source: 'a', env: {}, envFiles: [] }
const where = { uid: null, gid: null, umask: null, listen: 'port' } as const

function recorded(run: number): Recorded {
  const process = {
    pid: 100,
    startTime: '1',
    marker: '0'.repeat(32),
    port: 20_000,
    socket: null,
    cgroup: null,
    born: 0,
  }
  return {
    app: 'a',
    run,
    ...process,
    launch: { ...launch, ...where },
    pipes: null,
    address: null,
    ending: false,
    told: null,
  }
}

test('what is let go is on file, whoever deleted it and though nothing lives, and nothing is written behind it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'quay-roll-'))
  t.after(() => rm(dir, { recursive: true }))
  const path = join(dir, 'instances.json')
  const roll = new InstanceRoll(dir, [], () => assert.fail())
  roll.setOff('stopped', true)
  await roll.put(recorded(1))
  await roll.drop(1)
  await rm(path)
  await roll.letGo()
  const { off } = JSON.parse(await readFile(path, 'utf8')) as { off: unknown }
  assert.deepEqual(off, ['stopped'])
  await rm(path)
  await roll.put(recorded(2))
  await roll[Symbol.asyncDispose]()
  await assert.rejects(stat(path), { code: 'ENOENT' })
})

test('whatever is still being written at the end, nothing is written behind it', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'quay-roll-'))
  t.after(() => rm(dir, { recursive: true }))
  const path = join(dir, 'instances.json')
  for (let changes = 1; changes < 5; changes++) {
    const roll = new InstanceRoll(dir, [], () => assert.fail())
    for (let run = 0; run < changes; run++) void roll.put(recorded(run))
    for (let run = 0; run < changes; run++) void roll.drop(run)
    await roll[Symbol.asyncDispose]()
    await assert.rejects(stat(path), { code: 'ENOENT' })
    await delay(50)
    await assert.rejects(stat(path), { code: 'ENOENT' }, `it came back after ${changes} changes`)
  }
  const roll = new InstanceRoll(dir, [], () => assert.fail())
  void roll.put(recorded(1))
  void roll.put(recorded(2))
  await roll[Symbol.asyncDispose]()
  const { instances } = JSON.parse(await readFile(path, 'utf8')) as { instances: unknown[] }
  assert.equal(instances.length, 2)
})
