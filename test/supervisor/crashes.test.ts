import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { systemClock } from '../../src/lib/clock.ts'
import type { Announcement, Suspected } from '../../src/model/protocol.ts'
import type { LostFlight } from '../../src/model/testimony.ts'
import { Crashes } from '../../src/supervisor/crashes.ts'
import { exitOf, settings } from '../model/world.ts'

const exit = exitOf({ code: 1 })

function flight(shape: string): LostFlight {
  return { id: 'x', method: 'GET', target: '/', shape, size: 0, age: 1, subject: null, answering: false, alone: false }
}

interface Scene {
  readonly crashes: Crashes
  readonly announced: Announcement[]
  readonly suspected: Suspected[]
  /** An instance dies with these requests in flight. */
  readonly fall: (run: number, ...shapes: string[]) => void
  /** Resolves when this has become true by what was told. */
  readonly told: (isSo: () => boolean) => Promise<void>
}

/** `time`: for how long a request is suspected (milliseconds). */
async function withCrashes(time: number, act: (scene: Scene) => Promise<void>): Promise<void> {
  const stateDir = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-crashes-'))
  const announced: Announcement[] = []
  const suspected: Suspected[] = []
  let news = Promise.withResolvers<void>()
  const tell = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const app = { settings: settings('hello', { poison: { strikes: 2, for: time } }) }
  {
    await using crashes = await Crashes.open({
      stateDir,
      clock: systemClock,
      stamp: 'x',
      app: () => app,
      lines: () => [],
      announce: (one) => {
        announced.push(one)
        tell()
      },
      suspect: (one) => {
        suspected.push(one)
        tell()
      },
      notice: (_, message) => assert.fail(message),
    })
    await act({
      crashes,
      announced,
      suspected,
      fall(run, ...shapes) {
        crashes.heard({ type: 'lost', app: 'hello', run, flights: shapes.map(flight), more: 0 })
        const why = { cause: 'died', reason: 'exited with code 1', exit, uptime: 1_000 } as const
        crashes.fell({ app: 'hello', run, pid: 1, version: 'v1', ...why })
      },
      async told(isSo) {
        while (!isSo()) await news.promise
      },
    })
  }
  await fs.rm(stateDir, { recursive: true })
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((it) => it === 'Timeout').length
}

test('an app that falls again and again has one timer for what is held against its requests', async () => {
  await withCrashes(600_000, async ({ fall, told, announced }) => {
    const before = timers()
    for (let run = 1; run <= 50; run++) fall(run, 'GET /a', 'GET /b')
    await told(() => announced.filter(({ kind }) => kind === 'crashed').length === 50)
    // One for the app, one for the file that is soon written.
    assert.ok(timers() - before <= 2, `${timers() - before} timers`)
  })
})

test('a death of which it turns out that nothing was in flight asks for one more', async () => {
  await withCrashes(600_000, async ({ fall, told, announced }) => {
    const quarantined = (): number => announced.filter(({ kind }) => kind === 'quarantined').length
    fall(1)
    await told(() => announced.some(({ kind }) => kind === 'crashed'))
    fall(2, 'GET /boom')
    fall(3, 'GET /boom')
    assert.equal(quarantined(), 0)
    fall(4, 'GET /boom')
    assert.equal(quarantined(), 1)
  })
})

test('what is held against requests ends by itself', async () => {
  await withCrashes(500, async ({ crashes, fall, told, announced, suspected }) => {
    fall(1, 'GET /boom')
    fall(2, 'GET /boom')
    assert.deepEqual(
      announced.map((it) => it.kind === 'quarantined' && it.crashes),
      [['hello-1-x', 'hello-2-x']],
    )
    await told(() => suspected.at(-1)?.found === null)
    assert.equal(crashes.clear('hello'), false)
  })
})
