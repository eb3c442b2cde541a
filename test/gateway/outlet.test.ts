import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'

import { handOver, Outlet } from '../../src/gateway/outlet.ts'
import { NONE } from '../../src/http/framing.ts'
import { eventually } from '../support/wait.ts'
import { connected } from './pair.ts'

test('pieces of any size arrive whole and in order, however full the way is', async () => {
  await using pair = await connected()
  let drained = 0
  const out = new Outlet(pair.near, () => {
    assert.equal(out.isEmpty, true)
    drained += 1
  })
  let sent = ''
  let waits = 0
  // Nobody reads: the kernel is full after some of them, then libuv, then the stream.
  for (let round = 0; round < 400 && waits < 8; round++) {
    const size = [30, 9_000, 16 * 1024, 40_000][round % 4] ?? 0
    const text = `${round}:${String.fromCharCode(97 + (round % 26)).repeat(size)}\n`
    out.text(text, NONE)
    sent += text
    const more = out.flush()
    if (!out.isEmpty) waits += 1
    if (waits > 6) assert.equal(more, false)
  }
  assert.equal(waits, 8)
  out.text('last', NONE)
  out.flush()
  pair.near.end()
  let received = ''
  pair.far
    .setEncoding('latin1')
    .on('data', (text: string) => (received += text))
    .resume()
  await once(pair.far, 'end')
  assert.equal(received, `${sent}last`)
  assert.equal(out.isEmpty, true)
  assert.ok(drained > 0)
})

test('a write of nothing waits for what went past the stream', async () => {
  await using pair = await connected()
  const out = new Outlet(pair.near)
  for (let count = 0; out.isEmpty; count++) {
    assert.ok(count < 10_000, 'the kernel takes everything')
    out.text('x'.repeat(9_000), NONE)
    assert.equal(out.flush(), true)
  }
  assert.equal(pair.near.writableLength, 0)
  let seen: boolean | null = null
  pair.near.write('', () => (seen = out.isEmpty))
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(seen, null)
  pair.far.resume()
  await eventually(() => seen !== null, { what: 'the end of the write' })
  assert.equal(seen, true)
})

test('a write to who is gone destroys the socket with the reason', async () => {
  await using pair = await connected()
  const out = new Outlet(pair.near)
  const broken = once(pair.near, 'error')
  // What the far side sends last, a reset, is left unread: the next write is the first to hear of it.
  pair.near.pause()
  pair.far.resetAndDestroy()
  const timer = setInterval(() => {
    out.text('hello', NONE)
    out.flush()
  }, 5)
  const [error] = (await broken.finally(() => clearInterval(timer))) as [NodeJS.ErrnoException]
  assert.match(String(error.code), /^(EPIPE|ECONNRESET)$/)
  assert.equal(pair.near.destroyed, true)
  out.text('nobody', NONE)
  out.flush()
})

/** Until the event loop has come round: what waits for the end of its turn is out then. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** Another outlet whose pieces are of no interest: in a crowd pieces wait. */
async function crowded(others: readonly Outlet[]): Promise<void> {
  for (let round = 0; round < 40; round++) {
    for (const other of others) {
      other.text('.', NONE)
      other.flushSoon()
    }
    await turn()
  }
}

async function crowd(
  pairs: AsyncDisposableStack,
  size: number,
): Promise<{ all: Awaited<ReturnType<typeof connected>>[]; outs: Outlet[] }> {
  const all = []
  for (let count = 0; count < size; count++) all.push(pairs.use(await connected()))
  const outs = all.map(({ near }) => new Outlet(near))
  await crowded(outs)
  return { all, outs }
}

test('small pieces of many leave at the end of the turn, each whole and in its order', async () => {
  await using pairs = new AsyncDisposableStack()
  const { all, outs } = await crowd(pairs, 5)
  const before = all.map(({ near }) => near.bytesWritten)
  outs.forEach((out, index) => {
    out.text(`first of ${index};`, NONE)
    out.flushSoon()
    assert.equal(out.isWaiting, true)
  })
  assert.deepEqual(
    all.map(({ near }) => near.bytesWritten),
    before,
  )
  // One has more to say in the same turn, one is closed, one is closed without a word.
  outs[1]?.text('second', NONE)
  outs[1]?.flush()
  outs[2]?.flush()
  all[2]?.near.end()
  all[3]?.near.destroy()
  await turn()
  assert.deepEqual(
    outs.map(({ isWaiting }) => isWaiting),
    outs.map(() => false),
  )
  const said = await Promise.all(
    all.map(async ({ near, far }) => {
      let text = ''
      far.setEncoding('latin1').on('data', (piece: string) => (text += piece))
      far.resume()
      near.end()
      await once(far, 'end')
      return text.replaceAll('.', '')
    }),
  )
  assert.deepEqual(said, ['first of 0;', 'first of 1;second', 'first of 2;', '', 'first of 4;'])
})

test('what waits is not overtaken, by what is written past it neither', async () => {
  await using pairs = new AsyncDisposableStack()
  const { all, outs } = await crowd(pairs, 4)
  const [pair] = all
  const [out] = outs
  assert.ok(pair && out)
  let text = ''
  pair.far.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  pair.far.resume()
  out.text('one ', NONE)
  out.flushSoon()
  assert.equal(out.isWaiting, true)
  const emptied = new Promise<void>((resolve) => out.emptied(resolve))
  assert.equal(out.isWaiting, false)
  pair.near.write('two ')
  out.text('three ', NONE)
  out.flushSoon()
  handOver()
  pair.near.end('four')
  await emptied
  await once(pair.far, 'end')
  assert.equal(text.replaceAll('.', ''), 'one two three four')
})

test('somebody alone does not wait', async () => {
  await using pair = await connected()
  const out = new Outlet(pair.near)
  let waited = 0
  for (let round = 0; round < 100; round++) {
    out.text('.', NONE)
    out.flushSoon()
    if (out.isWaiting) waited += 1
    await turn()
  }
  assert.ok(waited < 30, `${waited} of 100 waited`)
})

test('a piece the kernel does not take at once keeps its memory', async () => {
  await using pairs = new AsyncDisposableStack()
  const { all, outs } = await crowd(pairs, 4)
  const [pair] = all
  const [out, ...others] = outs
  assert.ok(pair && out)
  let sent = ''
  // Nobody reads: at some piece the kernel is full.
  for (let round = 0; out.isEmpty; round++) {
    assert.ok(round < 10_000, 'the kernel takes everything')
    const text = `${round}:`.padEnd(4_000, String(round % 10))
    out.text(text, NONE)
    out.flushSoon()
    sent += text
    for (const other of others) {
      other.text('x', NONE)
      other.flushSoon()
    }
    await turn()
  }
  // What comes after it would lie where it lies, had its memory been given away.
  for (const other of others) {
    other.text('x'.repeat(4_000), NONE)
    other.flushSoon()
  }
  await turn()
  let received = ''
  pair.near.end()
  pair.far.setEncoding('latin1').on('data', (piece: string) => (received += piece))
  pair.far.resume()
  await once(pair.far, 'end')
  assert.ok(received.replaceAll('.', '') === sent, 'other bytes than were sent')
})
