import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

import { Pool } from '../../src/gateway/pool.ts'
import { isRunning } from '../../src/gateway/pulse.ts'
import { Room, roomIn, type Spare } from '../../src/gateway/room.ts'
import { Upstreams } from '../../src/gateway/upstreams.ts'
import { Sweep } from '../../src/gateway/sweep.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/wait.ts'
import { startApp } from './kit.ts'
import { User } from './user.ts'

test('an instance gets as many connections as it may have, some more wait, and the next is refused', async () => {
  await using app = await startApp(() => {})
  using sweep = new Sweep(systemClock, () => {})
  using pool = new Pool(
    { host: '127.0.0.1', port: app.port },
    { max: 1, queue: 2, idle: null },
    systemClock,
    sweep,
    room(),
  )
  const users = [new User(), new User(), new User(), new User()] as const
  const joined = users.map((user) => pool.join(user, systemClock.now()))
  assert.deepEqual(joined, [true, true, true, false])
  await eventually(() => users[0].link !== null, { what: 'the first connection' })
  assert.equal(users[1].link, null)
  pool.leave(users[1])
  pool.leave(users[0])
  await eventually(() => users[2].link !== null, { what: 'the place to be given on' })
  assert.deepEqual([users[1].link, users[3].link], [null, null])
  users[2].link?.destroy()
})

test('a limit that is lowered while there are more connections is kept to as they become free', async () => {
  await using app = await startApp(() => {})
  using sweep = new Sweep(systemClock, () => {})
  using pool = new Pool(
    { host: '127.0.0.1', port: app.port },
    { max: 2, queue: 2, idle: null },
    systemClock,
    sweep,
    room(),
  )
  const [first, second, waits] = [new User(), new User(), new User()]
  for (const user of [first, second, waits]) assert.ok(pool.join(user, systemClock.now()))
  await eventually(() => first.link !== null && second.link !== null, { what: 'both connections' })
  pool.limits = { max: 1, queue: 2, idle: null }
  const { link: surplus } = first
  const { link: last } = second
  assert.ok(surplus && last)
  let closed = false
  surplus.socket.once('close', () => (closed = true))
  pool.freed(surplus)
  await eventually(() => closed, { what: 'the end of the connection that is one too many' })
  assert.equal(waits.link, null)
  pool.freed(last)
  await eventually(() => waits.link === last, { what: 'the connection that is left' })
  last.destroy()
})

test('of an instance that has ended no connection is kept, until a new one stands', async () => {
  await using app = await startApp(() => {})
  using sweep = new Sweep(systemClock, () => {})
  const limits = { max: 1, queue: 2, idle: null }
  using upstreams = new Upstreams(systemClock, sweep, room(), null, () => {})
  const pool = upstreams.poolOf({ run: 1, host: '127.0.0.1', port: app.port }, limits)
  const [first, second] = [new User(), new User()]
  for (const user of [first, second]) assert.ok(pool.join(user, systemClock.now()))
  await eventually(() => first.link !== null, { what: 'the first connection' })
  upstreams.fallen(1)
  // Its last answer is read before its end.
  pool.freed(first.link ?? assert.fail())
  assert.ok(first.link?.socket.destroyed)
  await eventually(() => second.link !== null, { what: 'a connection of its own' })
  pool.freed(second.link ?? assert.fail())
  assert.ok(!second.link?.socket.destroyed)
  second.link?.destroy()
})

test('a user that leaves while its connection is being made is not called again', async () => {
  await using app = await startApp(() => {})
  using sweep = new Sweep(systemClock, () => {})
  using pool = new Pool(
    { host: '127.0.0.1', port: app.port },
    { max: 4, queue: 4, idle: null },
    systemClock,
    sweep,
    room(),
  )
  const [left, stays] = [new User(), new User()]
  pool.join(left, systemClock.now())
  pool.leave(left)
  pool.join(stays, systemClock.now())
  await eventually(() => stays.link !== null, { what: 'the connection' })
  assert.deepEqual([left.link, left.lostBy], [null, null])
  stays.link?.destroy()
})

test('what no port answers is told as unreachable', async () => {
  const app = await startApp(() => {})
  await app.kill()
  using sweep = new Sweep(systemClock, () => {})
  using pool = new Pool(
    { host: '127.0.0.1', port: app.port },
    { max: 4, queue: 4, idle: null },
    systemClock,
    sweep,
    room(),
  )
  const user = new User()
  pool.join(user, systemClock.now())
  await eventually(() => user.lostBy === 'unreachable', { what: 'the news' })
})

test('who listens at the port of an app that has ended is a stranger, and is sent nothing', async () => {
  await using app = await startApp(() => {})
  using sweep = new Sweep(systemClock, () => {})
  // Ended and not waited for by its parent, as a child is until its end is noticed.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = Number(String((await once(parent.stdout, 'data'))[0]))
  const alive = process.pid
  await eventually(() => !isRunning(ended), { what: 'its end' })
  assert.ok(isRunning(alive))
  const told: string[] = []
  for (const pid of [ended, alive]) {
    using pool = new Pool(
      { host: '127.0.0.1', port: app.port, pid },
      { max: 1, queue: 1, idle: null },
      systemClock,
      sweep,
      room(),
    )
    const user = new User()
    assert.ok(pool.join(user, systemClock.now()))
    await eventually(() => user.link !== null || user.lostBy !== null, { what: 'the outcome' })
    told.push(user.lostBy ?? 'linked')
  }
  parent.kill('SIGKILL')
  assert.deepEqual(told, ['unreachable', 'linked'])
})

function room(most = 100): Room {
  return new Room(most, new Set(), systemClock, () => {})
}

test('when sockets run out the oldest idle client makes room, a busy one never, and that is said once', () => {
  const destroyed: string[] = []
  const told: number[] = []
  const client = (name: string, isIdle: boolean): Spare => ({
    isIdle,
    socket: { destroy: () => void destroyed.push(name) },
  })
  const clients = new Set([client('stream', false), client('old', true), client('young', true)])
  const small = new Room(3, clients, systemClock, (sockets) => told.push(sockets))
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => small.take()),
    [true, true, true, true, true, false],
  )
  assert.deepEqual(destroyed, ['old', 'young'])
  assert.deepEqual(told, [3])
  small.give()
  small.give()
  small.give()
  assert.equal(small.take(), true)
})

test('a quarter of the open files, at least 64 and at most 4096, is left to everything that is no connection', () => {
  assert.deepEqual([100, 256, 1_024, 20_000, 1_048_576, Infinity].map(roomIn), [
    36,
    192,
    768,
    15_904,
    1_044_480,
    Infinity,
  ])
})
