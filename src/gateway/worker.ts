import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { StartError } from '../lib/start-error.ts'
import type { Traffic } from '../model/protocol.ts'
import type { InFlight } from './inflight.ts'
import type { FromThread, ThreadStart, ToThread } from './thread-protocol.ts'

/** A gateway thread as the main thread knows it: what it last said, and how it ends. */
export class Thread {
  inflight: readonly InFlight[] = []
  /** Of the sockets it listens on. */
  descriptors: readonly number[] = []
  /** By run. What is no longer told of has nothing in flight, and is remembered for what it had said. */
  readonly traffic: Map<number, Traffic> = new Map()
  readonly listening: Promise<void>
  /** Resolves when it has ended, with the reason. */
  readonly over: Promise<string>
  /** Resolves when its clients have left, or it has ended. */
  readonly left: Promise<void>
  readonly #worker: Worker

  constructor(start: ThreadStart, hear: (message: FromThread) => void) {
    // From src/ it is TypeScript, from dist/ it is what became of it.
    const file = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
    this.#worker = new Worker(file, { workerData: start, name: 'gateway' })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.listening = promise
    const left = Promise.withResolvers<void>()
    this.left = left.promise
    let why = 'it ended without a word'
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'listening') {
        this.descriptors = message.descriptors
        resolve()
      } else if (message.type === 'failed') {
        why = message.message
        reject(new StartError(message.message))
        void this.#worker.terminate()
      } else if (message.type === 'left') left.resolve()
      else if (message.type === 'inflight') this.#take(message)
      else hear(message)
    })
    this.#worker.on('error', (error) => (why = error instanceof Error ? (error.stack ?? error.message) : String(error)))
    this.over = new Promise((done) => {
      this.#worker.once('exit', () => {
        reject(new StartError(`A gateway thread could not start: ${why}`))
        left.resolve()
        done(why)
      })
    })
  }

  #take({ inflight, traffic }: Extract<FromThread, { type: 'inflight' }>): void {
    this.inflight = inflight
    // Runs that are over are in it too. To forget all of them only puts off what is concluded from silence.
    if (this.traffic.size > 1_000) this.traffic.clear()
    for (const [run, one] of this.traffic) this.traffic.set(run, { ...one, waiting: 0, quiet: Infinity })
    for (const [run, one] of traffic) this.traffic.set(run, one)
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  async close(): Promise<void> {
    this.tell({ type: 'close' })
    const given = new AbortController()
    const late = delay(farewell, undefined, { signal: given.signal }).catch(() => {})
    await Promise.race([this.over, late])
    given.abort()
    await this.#worker.terminate()
  }
}

/** How long a thread may take to close what it has (milliseconds). */
const farewell = 2_000
