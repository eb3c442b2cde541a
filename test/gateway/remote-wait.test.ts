import assert from 'node:assert/strict'
import { test } from 'node:test'

import { nothingAsked } from '../../src/gateway/read-head.ts'
import { RemoteWait } from '../../src/gateway/remote-wait.ts'
import type { Fault } from '../../src/gateway/upload.ts'

type Waiter = ConstructorParameters<typeof RemoteWait>[0]

/** A wait at 1000 on a clock that stands, for a request whose body was read to its end. */
function waitOf(response: number): { wait: RemoteWait; connection: { deadline: number }; faults: Fault[] } {
  const connection = { bodyRead: true, received: 0, isPaused: false, deadline: 0 }
  const timeouts = { head: 1, body: 20, bodyRate: 1, keepAlive: 1, stall: 300, tunnel: 4_000 }
  const waiter = {
    connection,
    asked: nothingAsked,
    door: { clock: { now: () => 1_000 }, timeouts },
    since: 1_000,
    failed: assert.fail,
  } as unknown as Waiter
  const faults: Fault[] = []
  const route = { connect: 10, response, idle: 500, total: 0 }
  return { wait: new RemoteWait(waiter, route, (fault) => void faults.push(fault)), connection, faults }
}

test('a request to a remote target waits for one thing after the other, each with its own limit', () => {
  const { wait, connection } = waitOf(50)
  const steps: [limit: number, step: () => void][] = [
    [300, () => wait.sending()],
    [50, () => wait.sent()],
    [500, () => (wait.answering(), wait.passed(true))],
    [300, () => wait.passed(false)],
    [500, () => wait.passed(true)],
    [300, () => wait.leaving()],
    [Number.POSITIVE_INFINITY, () => wait.over()],
  ]
  assert.equal(connection.deadline, 1_010)
  for (const [limit, step] of steps) {
    step()
    assert.equal(connection.deadline, 1_000 + limit, String(step))
  }
})

test('a remote target that does not take the last of a request is late, even where an answer may take its time', () => {
  const { wait, connection, faults } = waitOf(0)
  wait.sending()
  assert.equal(connection.deadline, 1_300)
  wait.late()
  assert.equal(faults[0]?.code, 'response-timeout')
  assert.match(faults[0]?.detail ?? '', /took no byte/)
})

test('the end of a request that was answered before changes nothing for its answer', () => {
  const { wait, connection } = waitOf(50)
  wait.sending()
  wait.answering()
  wait.passed(true)
  wait.read()
  wait.sent()
  assert.equal(connection.deadline, 1_500)
})
