import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import type { Clock } from '../../src/lib/clock.ts'
import { accuse, acquit, noEvidence } from '../../src/model/poison.ts'
import { EvidenceFile, type Held } from '../../src/supervisor/evidence-file.ts'

const wall = 1_700_000_000_000

function clockAt(now: number, at = wall): Clock {
  return { now: () => now, wall: () => at }
}

function heldBy(app: string, at: number, shape = 'GET /boom'): Held {
  const crash = { id: `${app}-1-x`, run: 1, at, weight: 1 }
  const evidence = acquit(
    accuse(noEvidence, crash, [
      { shape, alone: true },
      { shape: 'GET /a', alone: false },
    ]),
    'GET /a',
    1,
  )
  return { app, version: 'v1', evidence }
}

async function kept(held: readonly Held[], clock: Clock, dir: string): Promise<string> {
  await using file = new EvidenceFile(
    dir,
    clock,
    () => {},
    () => held,
  )
  file.changed()
  await file[Symbol.asyncDispose]()
  return await fs.readFile(path.join(dir, 'suspicions.json'), 'utf8').catch(() => '')
}

test('what is held against requests is kept for a gateway with another clock, and goes when there is nothing', async (t) => {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-'))
  t.after(() => fs.rm(dir, { recursive: true }))
  const read = (clock: Clock): Promise<readonly Held[]> =>
    new EvidenceFile(
      dir,
      clock,
      () => {},
      () => [],
    ).read()
  assert.deepEqual(await read(clockAt(0)), [])
  await kept([heldBy('hello', 900)], clockAt(1_000), dir)
  assert.equal((await fs.stat(path.join(dir, 'suspicions.json'))).mode & 0o777, 0o600)
  // The machine was restarted a second ago, ten seconds later.
  assert.deepEqual(await read(clockAt(20_000, wall + 10_000)), [heldBy('hello', 20_000 - 10_100)])
  // The wall clock was set back.
  assert.deepEqual(await read(clockAt(20, wall - 10_000)), [heldBy('hello', 20)])
  assert.equal(await kept([{ app: 'hello', version: 'v1', evidence: noEvidence }], clockAt(1_000), dir), '')
})

test('a file that was cut short, or is of another make, holds nothing against anybody; one too long is never written', async (t) => {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-'))
  t.after(() => fs.rm(dir, { recursive: true }))
  const read = (): Promise<readonly Held[]> =>
    new EvidenceFile(
      dir,
      clockAt(0),
      () => {},
      () => [],
    ).read()
  const whole = await kept([heldBy('hello', 0)], clockAt(0), dir)
  for (const text of [
    whole.slice(0, -20),
    '[]',
    '{"app":1}\n',
    whole.replace('"at"', '"then"'),
    whole.replace('[["GET /a",1]]', '[1]'),
  ]) {
    await fs.writeFile(path.join(dir, 'suspicions.json'), text)
    assert.deepEqual(await read(), [], text)
  }
  const many = Array.from({ length: 3_000 }, (_, at) => heldBy(`app${at}`, at, `GET /${'x'.repeat(500)}`))
  const text = await kept(many, clockAt(3_000), dir)
  assert.ok(text.length > 1_000_000 && text.length <= 1024 * 1024)
  const left = await read()
  assert.equal(left[0]?.app, 'app2999')
})
