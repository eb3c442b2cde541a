import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { systemClock } from '../../src/lib/clock.ts'
import type { Launch } from '../../src/model/protocol.ts'
import type { PipePair } from '../../src/supervisor/pipes.ts'
import { Provisions } from '../../src/supervisor/provisions.ts'
import { InstanceRoll } from '../../src/supervisor/roll.ts'
import { eventually } from '../support/wait.ts'

const launch = { version: 'v', file: '/bin/true', listen: 'port' } as unknown as Launch
const spawn = (run: number): { app: string; run: number; launch: Launch } => ({ app: 'a', run, launch })

test('what was got ready at a crash is given to the next run, and its marker is on file at every moment', async () => {
  await using ground = await open()
  const { provisions, file } = ground
  provisions.prepare(spawn(7))
  provisions.prepare(spawn(7))
  await eventually(async () => (await file()).includes('"run": -7'), { what: 'the marker on file' })
  assert.equal(ground.ports, 1)
  const taken = await provisions.take(spawn(8))
  assert.equal(ground.ports, 1)
  assert.equal(taken.run, 8)
  assert.equal(taken.port, 20_001)
  assert.ok((await file()).includes(taken.marker))
  await eventually(async () => (await file()).includes('"run": 8'), { what: 'the new number on file' })
  await eventually(async () => !(await file()).includes('"run": -7'), { what: 'the old number gone' })
  assert.ok((await file()).includes(taken.marker))
  // It is had once.
  const other = await provisions.take(spawn(9))
  assert.notEqual(other.marker, taken.marker)
  assert.equal(other.port, 20_002)
})

test('what nobody takes is given back, soon or at the end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const ground = await open()
  const { provisions, file, released } = ground
  provisions.prepare(spawn(1))
  t.mock.timers.tick(1_000)
  t.mock.timers.reset()
  await eventually(() => released.length === 1, { what: 'the pipes to come back' })
  await eventually(async () => !(await file()).includes('"run": -1'), { what: 'the marker off the file' })
  provisions.prepare(spawn(2))
  await ground[Symbol.asyncDispose]()
  assert.equal(released.length, 2)
})

test('a start for which there is no port leaves nothing behind', async () => {
  await using ground = await open()
  ground.full = true
  ground.provisions.prepare(spawn(3))
  await assert.rejects(ground.provisions.take(spawn(4)), /no free port/)
  assert.equal(ground.released.length, 2)
  await eventually(async () => !(await ground.file()).includes('"run"'), { what: 'an empty file' })
})

interface Ground extends AsyncDisposable {
  readonly provisions: Provisions
  readonly released: PipePair[]
  /** How many ports were taken. */
  ports: number
  full: boolean
  readonly file: () => Promise<string>
}

async function open(): Promise<Ground> {
  const dir = await mkdtemp(join(tmpdir(), 'quaymaster-provisions-'))
  const roll = new InstanceRoll(dir, [], () => {})
  const released: PipePair[] = []
  const provisions = new Provisions({
    clock: systemClock,
    roll,
    ports: {
      take: () =>
        ground.full ? Promise.reject(new Error('no free port')) : Promise.resolve(20_000 + (ground.ports += 1)),
    },
    pipes: {
      take: () => Promise.resolve({ stdout: 'out', stderr: 'err' }),
      release: (pair) => Promise.resolve(void released.push(pair)),
    },
    cgroups: { choose: () => Promise.resolve(null), ready: () => Promise.resolve() },
    socket: () => Promise.resolve('/tmp/socket'),
  })
  const ground: Ground = {
    provisions,
    released,
    ports: 0,
    full: false,
    file: () => readFile(join(dir, 'instances.json'), 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: async () => {
      await provisions[Symbol.asyncDispose]()
      await roll[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return ground
}
