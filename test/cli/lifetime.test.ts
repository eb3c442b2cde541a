import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import test from 'node:test'
import { liveUntilStopped } from '../../src/cli/lifetime.ts'
import type { Running } from '../../src/lib/running.ts'

const second = 40

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
  test(`${signal} begins the ordered end, and the exit code is 0`, async () => {
    const { gateway, process, code } = live()
    await gateway.began
    process.emit(signal)
    assert.deepEqual([gateway.closes, gateway.kills], [1, 0])
    gateway.over()
    assert.equal(await code, 0)
    assert.deepEqual(process.eventNames(), [])
  })
}

test('a Ctrl-C that is delivered twice within milliseconds is one', async () => {
  const { gateway, process, code } = live()
  await gateway.began
  process.emit('SIGINT')
  process.emit('SIGINT')
  assert.deepEqual([gateway.closes, gateway.kills], [1, 0])
  gateway.over()
  assert.equal(await code, 0)
})

test('a second Ctrl-C, a second later, ends everything at once, and the exit code is 130', async () => {
  const { gateway, process, code, told } = live()
  await gateway.began
  process.emit('SIGINT')
  gateway.waiting = ['clock (1 request, 12s)']
  // Two words, not one: a timer of Node may be a part of a millisecond early.
  await told.next('waiting for: clock (1 request, 12s)')
  await told.next('waiting for: clock (1 request, 12s)')
  process.emit('SIGINT')
  assert.equal(await code, 130)
  assert.deepEqual([gateway.closes, gateway.kills], [1, 1])
})

test('a second SIGTERM changes nothing', async () => {
  const { gateway, process, code, told } = live()
  await gateway.began
  process.emit('SIGTERM')
  gateway.waiting = ['clock']
  await told.next('waiting for: clock')
  process.emit('SIGTERM')
  assert.deepEqual([gateway.closes, gateway.kills], [1, 0])
  gateway.over()
  assert.equal(await code, 0)
})

test('a signal during the start ends what has started', async () => {
  const { gateway, process, code } = live({ hold: true })
  process.emit('SIGTERM')
  assert.equal(gateway.closes, 0)
  gateway.release()
  await gateway.began
  gateway.over()
  assert.equal(await code, 0)
  assert.equal(gateway.closes, 1)
})

test('a start that fails gives its exit code', async () => {
  const { code } = live({ trouble: new Error('port taken') })
  assert.equal(await code, 7)
})

test('a gateway that was stopped by a command ends with 0', async () => {
  const { gateway, code } = live()
  await gateway.began
  gateway.over()
  assert.equal(await code, 0)
})

test('what nobody foresaw is told, and nothing outlives it', async () => {
  const { gateway, process, code } = live()
  await gateway.began
  process.emit('uncaughtException', new Error('surprise'))
  assert.equal(await code, 7)
  assert.equal(gateway.kills, 1)
})

test('with a guardian, what nobody foresaw ends the process at once, and the apps are left for the next gateway', async () => {
  const { gateway, process, died } = live({ guarded: '/state' })
  await gateway.began
  process.emit('unhandledRejection', new Error('surprise'))
  assert.deepEqual(died, ['/state 7'])
  assert.deepEqual([gateway.kills, gateway.closes], [0, 0])
  gateway.over()
})

test('so it is during the start, when apps of an earlier gateway have been taken over already', async () => {
  const { gateway, process, died } = live({ guarded: '/state', hold: true })
  process.emit('uncaughtException', new Error('surprise'))
  assert.deepEqual(died, ['/state 7'])
  gateway.release()
  await gateway.began
  assert.deepEqual([gateway.kills, gateway.closes], [0, 0])
  gateway.over()
})

test('under nohup SIGHUP is heard and changes nothing', async () => {
  const { gateway, process, code } = live({ heedsHangup: false })
  await gateway.began
  // Unheard, Node's default would end the process.
  assert.equal(process.listenerCount('SIGHUP'), 1)
  process.emit('SIGHUP')
  assert.equal(gateway.closes, 0)
  process.emit('SIGTERM')
  assert.equal(gateway.closes, 1)
  gateway.over()
  assert.equal(await code, 0)
})

test('the death of npm, or of the launcher, is like SIGTERM', async () => {
  const { gateway, process, code } = live({ parent: 4711 })
  await gateway.began
  process.ppid = 1
  await gateway.closing
  gateway.over()
  assert.equal(await code, 0)
})

class FakeProcess extends EventEmitter {
  ppid = 4711
}

class FakeGateway implements Running {
  readonly url = 'http://localhost:1/'
  readonly adminUrl = null
  readonly heirCode = null
  readonly closed: Promise<void>
  readonly began: Promise<void>
  readonly closing: Promise<void>
  closes = 0
  kills = 0
  waiting: readonly string[] = []
  over: () => void
  begin: () => void
  release: () => void = () => {}
  #beginClosing: () => void

  constructor() {
    const closed = Promise.withResolvers<void>()
    const began = Promise.withResolvers<void>()
    const closing = Promise.withResolvers<void>()
    this.closed = closed.promise
    this.over = closed.resolve
    this.began = began.promise
    this.begin = began.resolve
    this.closing = closing.promise
    this.#beginClosing = closing.resolve
  }

  waitingFor(): readonly string[] {
    return this.waiting
  }

  close(): Promise<void> {
    this.closes += 1
    this.#beginClosing()
    return this.closed
  }

  async upgrade(): Promise<void> {}

  kill(): Promise<void> {
    this.kills += 1
    this.over()
    return this.closed
  }
}

interface Live {
  readonly gateway: FakeGateway
  readonly process: FakeProcess
  readonly code: Promise<number>
  readonly died: readonly string[]
  readonly told: { next(line: string): Promise<void> }
}

interface Circumstances {
  readonly hold?: boolean
  readonly trouble?: Error
  readonly parent?: number
  readonly heedsHangup?: boolean
  readonly guarded?: string
}

function live(options: Circumstances = {}): Live {
  const gateway = new FakeGateway()
  const process = new FakeProcess()
  const said = new EventEmitter()
  const released = Promise.withResolvers<void>()
  gateway.release = released.resolve
  const died: string[] = []
  const code = liveUntilStopped({
    die: (_, folder, code) => void died.push(`${folder} ${code}`),
    start: async (guarded) => {
      if (options.guarded !== undefined) guarded(options.guarded)
      if (options.trouble) throw options.trouble
      if (options.hold) await released.promise
      setImmediate(gateway.begin)
      return gateway
    },
    process,
    say: (line) => void said.emit(line),
    fail: () => 7,
    parent: options.parent ?? null,
    heedsHangup: options.heedsHangup ?? true,
    second,
  })
  const next = (line: string): Promise<void> => new Promise((resolve) => void said.once(line, resolve))
  return { gateway, process, code, died, told: { next } }
}
