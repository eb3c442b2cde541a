import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../lib/clock.ts'
import { Journal } from '../observe/journal.ts'
import { requestLine } from '../observe/request-line.ts'
import { Gateway } from './gateway.ts'
import { SharedPlaces } from './shared-places.ts'
import { SharedSlots } from './shared-slots.ts'
import { SharedTurns } from './shared-turns.ts'
import type { FromThread, ThreadStart, ToThread } from './thread-protocol.ts'

/** Exchanges travel in batches: a message for each would cost more than many a request. */
const batchTime = 10 // milliseconds
const batchSize = 256
/** How often the main thread learns what is in flight (milliseconds). */
const inflightEvery = 250

/** One of several gateways on the same port. Ends by itself when its listeners are closed. */
async function serve(start: ThreadStart): Promise<void> {
  const { host, port, inherited, auth, routes, sessionKey, timeouts, trustedProxies, waits, stamp, files } = start
  const journal = new Journal()
  const places = new SharedPlaces(start.board.places, start.row)
  const slots = new SharedSlots(start.board, start.row, (error) => {
    journal.write({ type: 'notice', level: 'error', message: `A connection was not passed on: ${String(error)}` })
  })
  const turns = new SharedTurns(start.board, slots)
  for (const one of [places, slots, turns]) one.name(start.columns)
  let lines = ''
  let count = 0
  let timer: NodeJS.Timeout | null = null
  const flush = (): void => {
    if (timer) clearTimeout(timer)
    timer = null
    // As the text that is written in the end: the one thread that writes for all has nothing left to do with each of them.
    if (count > 0) post({ type: 'entry', entry: { type: 'exchanges', lines, count } })
    lines = ''
    count = 0
  }
  const least = new Int32Array(start.least)
  journal.subscribe(
    (entry) => {
      if (entry.type !== 'exchange') {
        flush()
        return post({ type: 'entry', entry })
      }
      lines += `${requestLine(entry, Date.now())}\n`
      count += 1
      if (count >= batchSize) flush()
      else timer ??= setTimeout(flush, batchTime)
    },
    () => Atomics.load(least, 0),
  )
  const gateway = await Gateway.listen({
    host,
    port,
    inherited,
    auth,
    journal,
    clock: systemClock,
    reusePort: true,
    waits,
    stamp,
    files,
    report: (report) => post({ type: 'report', report }),
    timeouts,
    trustedProxies,
    places,
    slots,
    turns,
    failed: (address) => post({ type: 'failure', address }),
    sessions: { key: sessionKey, revoked: (session) => post({ type: 'revoke', session }) },
  })
  gateway.change(routes)
  let told = 0
  const telling = setInterval(() => {
    const inflight = gateway.inflight()
    const runs = new Set(inflight.flatMap(({ run }) => run ?? []))
    const traffic = [...runs].map((run) => [run, gateway.traffic(run)] as const)
    if (inflight.length > 0 || told > 0) post({ type: 'inflight', inflight, traffic })
    told = inflight.length
  }, inflightEvery)
  parentPort?.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'routes':
        for (const one of [places, slots, turns]) one.name(message.columns)
        gateway.change(message.routes)
        for (const app of message.routes.gone) for (const one of [places, turns]) one.forget(app)
        return
      case 'auth':
        return gateway.configure(message.auth)
      case 'revoke':
        return gateway.revoke(message.session)
      case 'failure':
        return gateway.countFailure(message.address)
      case 'open':
        return gateway.open()
      case 'stop':
        return void gateway.stopAccepting()
      case 'leave':
        return void gateway.leave().then(() => post({ type: 'left' }))
      case 'close':
        clearInterval(telling)
        void gateway[Symbol.asyncDispose]().then(() => {
          flush()
          post({ type: 'closed' })
          return parentPort?.close()
        })
    }
  })
  post({ type: 'listening', descriptors: gateway.sockets.descriptors })
}

function post(message: FromThread): void {
  parentPort?.postMessage(message)
}

serve(workerData as ThreadStart).catch((error: unknown) => {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
})
