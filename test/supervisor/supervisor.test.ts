import assert from 'node:assert/strict'
import { test } from 'node:test'

import { systemClock } from '../../src/lib/clock.ts'
import type { Fleet } from '../../src/model/fleet.ts'
import type { Effect, Event } from '../../src/model/protocol.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { launch, settings } from '../model/world.ts'

function supervise(perform: (effect: Effect, send: (event: Event) => void) => void): {
  supervisor: Supervisor
  published: Fleet[]
} {
  const published: Fleet[] = []
  const supervisor: Supervisor = new Supervisor({
    clock: systemClock,
    parallelStarts: 4,
    perform: (effect) => perform(effect, (event) => supervisor.send(event)),
    announce: () => {},
    publish: (fleet) => published.push(fleet),
    chance: () => 0,
  })
  return { supervisor, published }
}

const exit = { code: 0, signal: null, error: null, lastLine: null, portTaken: false, outOfMemory: false, memory: null }

/** A machine on which everything succeeds within the call that asked for it: the hardest case for a queue. */
function obedient(effect: Effect, send: (event: Event) => void): void {
  if (effect.type === 'spawn')
    send({ type: 'spawned', run: effect.run, pid: 100 + effect.run, port: 4000 + effect.run })
  if (effect.type === 'probe' && effect.purpose === 'readiness') {
    const address = { host: '127.0.0.1', port: 4000 + effect.run }
    send({ type: 'probed', run: effect.run, result: { ok: true, address, note: null } })
  }
  if (effect.type === 'terminate') send({ type: 'exited', run: effect.run, exit })
}

const offer = (version: string): Event => {
  return { type: 'offered', app: 'hello', settings: settings('hello'), launch: launch(version) }
}

test('events that effects bring back at once are worked on in turn, and a fleet is published when all is said', async () => {
  const { supervisor, published } = supervise(obedient)
  supervisor.send(offer('v1'))
  assert.equal(published.length, 1)
  assert.equal(supervisor.fleet.apps.get('hello')?.instances[0]?.state, 'ready')
  supervisor.send({ type: 'drained', run: 999 })
  assert.equal(published.length, 1, 'nothing changed, nothing published')
  supervisor.send({ type: 'vanished', app: 'hello' })
  supervisor.send({ type: 'drained', run: 1 })
  assert.equal(supervisor.fleet.apps.size, 0)
  await supervisor[Symbol.asyncDispose]()
})

test('the one timer brings the ticks that deadlines need', async () => {
  // Nobody reports the drain and nobody obeys SIGTERM: only deadlines move this instance on.
  const { supervisor } = supervise((effect, send) => {
    if (effect.type === 'kill') send({ type: 'exited', run: effect.run, exit })
    else if (effect.type !== 'terminate') obedient(effect, send)
  })
  const impatient = settings('hello', { stop: { drain: 30, streams: 0, grace: 30 } })
  supervisor.send({ type: 'offered', app: 'hello', settings: impatient, launch: launch('v1') })
  const started = systemClock.now()
  await supervisor[Symbol.asyncDispose]()
  assert.ok(systemClock.now() - started >= 59)
  assert.equal(supervisor.fleet.apps.get('hello')?.instances.length, 0)
})

for (const past of [100, 5_000]) {
  test(`a sleep that ends ${past} ms behind a deadline is made up for, whatever is heard first after it`, () => {
    let now = 0
    const supervisor: Supervisor = new Supervisor({
      clock: { ...systemClock, now: () => now },
      parallelStarts: 4,
      perform: (effect) => {
        if (effect.type === 'spawn') supervisor.send({ type: 'spawned', run: effect.run, pid: 100, port: 4000 })
      },
      announce: () => {},
      publish: () => {},
      chance: () => 0,
    })
    supervisor.send(offer('v1'))
    now += settings('hello').health.boot + past
    supervisor.send({ type: 'probed', run: 1, result: { ok: false, reason: 'nobody listens', signs: null } })
    supervisor.send({ type: 'tick' })
    supervisor.letGo()
    assert.equal(supervisor.fleet.apps.get('hello')?.instances[0]?.state, 'starting')
  })
}

test('waiting for a fleet ends when the signal says so', async () => {
  const { supervisor } = supervise(obedient)
  const controller = new AbortController()
  const waiting = supervisor.until(() => false, controller.signal)
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await supervisor[Symbol.asyncDispose]()
})
