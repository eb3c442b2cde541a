import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'

import fc from 'fast-check'

import { Pool } from '../../src/gateway/pool.ts'
import { Room } from '../../src/gateway/room.ts'
import { Board } from '../../src/gateway/shared-board.ts'
import { Columns, Counts, memoryOf } from '../../src/gateway/shared-counts.ts'
import { SharedSlots } from '../../src/gateway/shared-slots.ts'
import { Sweep } from '../../src/gateway/sweep.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Route } from '../../src/model/route.ts'
import { settings } from '../model/world.ts'
import { eventually } from '../support/wait.ts'
import { startApp } from './kit.ts'
import { User } from './user.ts'

test('threads never count more than there may be, and what a thread had is gone with it', () => {
  const step = fc.record({ row: fc.integer({ min: 1, max: 3 }), act: fc.constantFrom('take', 'take', 'give', 'die') })
  fc.assert(
    fc.property(fc.array(step), fc.integer({ min: 1, max: 4 }), (steps, max) => {
      const memory = memoryOf(3)
      const counts = [0, 1, 2, 3].map((row) => new Counts(memory, row))
      const has = [0, 0, 0, 0]
      const all = (): number => has.reduce((sum, one) => sum + one)
      for (const { row, act } of steps) {
        const mine = has[row] ?? 0
        if (act === 'take') {
          const isFree = all() < max
          assert.equal(counts[row]?.take(7, max), isFree)
          has[row] = mine + (isFree ? 1 : 0)
        } else if (act === 'give' && mine > 0) {
          counts[row]?.give(7)
          has[row] = mine - 1
        } else if (act === 'die') {
          counts[0]?.clear(row, 8)
          has[row] = 0
        }
        assert.equal(counts[0]?.total(7), all())
        assert.equal(counts[row]?.others(7), all() - (has[row] ?? 0))
      }
    }),
  )
})

test('a column in which something is still counted is nobody else’s', () => {
  const busy = new Set([0])
  const columns = new Columns<number>((column) => !busy.has(column))
  for (let key = 0; key < 16_384; key += 1) assert.equal(columns.of(key), key)
  assert.equal(columns.of(20_000), undefined)
  columns.free(0)
  columns.free(5)
  assert.equal(columns.of(20_000), 5)
  assert.equal(columns.of(20_001), undefined)
  busy.clear()
  assert.equal(columns.of(20_001), 0)
})

/** Nobody here is to lose a connection. */
class Keeper extends User {
  override lost(code: string): void {
    throw new Error(code)
  }
}

test('whatever comes in whatever order, nobody waits while a connection is free, there are never too many, and who fits is not refused', async () => {
  const threads = 3
  const order = fc.array(
    fc.record({
      thread: fc.nat(threads - 1),
      act: fc.constantFrom('join', 'join', 'join', 'finish', 'finish', 'leave'),
      which: fc.nat(20),
      turns: fc.nat(3),
    }),
    { minLength: 20, maxLength: 80 },
  )
  await using app = await startApp(() => {})
  const at = { host: '127.0.0.1', port: app.port }
  const { route } = settings('hello')
  const target: Route['target'] = { kind: 'ready', upstreams: [{ run: 1, ...at }] }
  const hello: Route = { app: 'hello', ...route, streams: 0, target, poison: null, replay: null }
  using sweep = new Sweep(systemClock, () => {})
  await fc.assert(
    fc.asyncProperty(order, fc.integer({ min: 1, max: 4 }), fc.nat(12), async (steps, max, queue) => {
      const board = new Board(threads)
      const named = board.change({ put: [hello], gone: [], drain: [], over: [] })
      const pools = Array.from({ length: threads }, () => {
        const slots = new SharedSlots(board.memory, board.takeRow(), (error) => assert.ifError(error))
        slots.name(named)
        const room = new Room(100, new Set(), systemClock, () => {})
        return new Pool(at, { max, queue, idle: null }, systemClock, sweep, room, slots.of(1))
      })
      const counts = new Counts(board.memory.links, 0)
      const users = pools.map(() => new Set<Keeper>())
      const finish = (thread: number, user: Keeper): void => {
        const { link } = user
        if (link === null) return
        users[thread]?.delete(user)
        link.user = null
        pools[thread]?.done()
        pools[thread]?.freed(link)
      }
      for (const { thread, act, which, turns } of steps) {
        const [pool, mine] = [pools[thread], users[thread]]
        const user = [...(mine ?? [])][which % Math.max(1, mine?.size ?? 0)]
        if (act === 'join') {
          const next = new Keeper()
          const fits = users.reduce((sum, some) => sum + some.size, 0) < max + queue
          assert.equal(pool?.join(next, systemClock.now()), fits)
          if (fits) mine?.add(next)
        } else if (user && act === 'finish') finish(thread, user)
        else if (user) {
          mine?.delete(user)
          if (user.link === null) pool?.leave(user)
          else user.link.destroy()
        }
        for (let left = turns; left > 0; left -= 1) await turn()
        assert.ok(counts.total(0) <= max)
      }
      // Who is linked is done in turn: so everybody is, each at last.
      await eventually(
        () => {
          users.forEach((some, thread) => some.forEach((user) => finish(thread, user)))
          return users.every((some) => some.size === 0)
        },
        { what: 'the last of those who wait' },
      )
      for (const pool of pools) pool[Symbol.dispose]()
      await eventually(() => counts.total(0) === 0, { what: 'the end of all connections' })
      assert.equal(new Counts(board.memory.admitted, 0).total(0), 0)
    }),
    { numRuns: 30 },
  )
})
