import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Board } from '../../src/gateway/shared-board.ts'
import { SharedSlots } from '../../src/gateway/shared-slots.ts'
import { SharedTurns } from '../../src/gateway/shared-turns.ts'
import { type Hearing, type Standing, Suspects } from '../../src/gateway/suspects.ts'
import { eventually } from '../support/wait.ts'
import { ready, route } from './kit.ts'

const hold = { for: 60_000, max: 10 }
const never = new AbortController().signal

interface Thread {
  readonly suspects: Suspects
  readonly row: number
  ask(shape: string, seq?: number): Standing
  try(shape: string, seq?: number): Hearing
}

/** The suspects of two threads, as they are in one: two are enough to be at odds. */
function stage(): { readonly board: Board; readonly threads: readonly [Thread, Thread] } & Disposable {
  const board = new Board(2)
  const put = [route('hello', ready())]
  const columns = board.change({ put, gone: [], drain: [], over: [] })
  const open = (): Thread => {
    const row = board.takeRow()
    const slots = new SharedSlots(board.memory, row, (error) => assert.fail(String(error)))
    const turns = new SharedTurns(board.memory, slots)
    turns.name(columns)
    const suspects = new Suspects({ now: () => 100, wall: () => 0 }, () => {}, turns)
    const ask = (shape: string, seq = 1): Standing =>
      suspects.ask(route('hello', ready(), { poison: { seq, suspects: ['GET /a', 'GET /b'], quarantined: [] } }), {
        shape,
        lostAt: null,
        tried: { status: 0 },
      })
    return {
      suspects,
      row,
      ask,
      try: (shape, seq) => {
        const standing = ask(shape, seq)
        assert.ok(standing.kind === 'hearing', standing.kind)
        return standing.hearing
      },
    }
  }
  const threads = [open(), open()] as const
  return { board, threads, [Symbol.dispose]: () => threads.forEach(({ suspects }) => suspects[Symbol.dispose]()) }
}

test('suspects are tried one at a time by all threads together, and the end of one wakes who waits at another', async () => {
  using it = stage()
  const [one, other] = it.threads
  const hearing = one.try('GET /a')
  assert.equal(other.ask('GET /b').kind, 'wait')
  assert.equal(other.ask('GET /c').kind, 'free')
  const woken = other.suspects.queue.wait('hello', hold, 60_000, never)
  one.suspects.over(hearing, 'answered')
  assert.equal(await woken, 'again')
  other.suspects.over(other.try('GET /b'), 'answered')
  assert.equal(one.ask('GET /b').kind, 'hearing')
})

test('after a death no other thread tries anything before the table tells what follows', async () => {
  using it = stage()
  const [one, other] = it.threads
  one.suspects.over(one.try('GET /a'), 'died')
  assert.equal(other.ask('GET /a').kind, 'wait')
  const woken = other.suspects.queue.wait('hello', hold, 60_000, never)
  one.suspects.changed({
    put: [route('hello', ready(), { poison: { seq: 1, suspects: [], quarantined: [] } })],
    gone: [],
  })
  assert.equal(other.ask('GET /b').kind, 'wait')
  one.suspects.changed({
    put: [route('hello', ready(), { poison: { seq: 2, suspects: [], quarantined: [] } })],
    gone: [],
  })
  assert.equal(await woken, 'again')
  assert.equal(other.ask('GET /b', 2).kind, 'hearing')
})

test('a death that the table never tells of keeps the others waiting for a moment only, and so does an app that leaves', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using it = stage()
  const [one, other] = it.threads
  one.suspects.over(one.try('GET /a'), 'died')
  assert.equal(other.ask('GET /b').kind, 'wait')
  t.mock.timers.tick(1_000)
  other.suspects.over(other.try('GET /b'), 'died')
  assert.equal(one.ask('GET /a').kind, 'wait')
  other.suspects.changed({ put: [], gone: ['hello'] })
  assert.equal(one.ask('GET /a').kind, 'hearing')
})

test('who is tried while another thread has one that takes too long is not alone', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using it = stage()
  const [one, other] = it.threads
  const slow = one.try('GET /a')
  t.mock.timers.tick(1_000)
  const beside = other.try('GET /b')
  assert.deepEqual([one.suspects.isAlone(slow), other.suspects.isAlone(beside)], [false, false])
  other.suspects.over(beside, 'open')
  one.suspects.over(slow, 'answered')
  assert.ok(other.suspects.isAlone(other.try('GET /b')))
})

test('a thread that dies gives up its turn, and who waits for it is woken', async () => {
  using it = stage()
  const [one, other] = it.threads
  one.try('GET /a')
  assert.equal(other.ask('GET /b').kind, 'wait')
  let woken = false
  void other.suspects.queue.wait('hello', hold, 60_000, never).then(() => (woken = true))
  it.board.freeRow(one.row)
  await eventually(() => woken, { what: 'who waits' })
  assert.equal(other.ask('GET /b').kind, 'hearing')
})
