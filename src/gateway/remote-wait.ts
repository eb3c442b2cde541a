import type { TimeoutSettings } from '../model/settings.ts'
import { later } from './blame.ts'
import type { Connection } from './connection.ts'
import { answering, awaiting, joining, leaving, over, sending, tunnelling } from './delivery-state.ts'
import type { Home } from './door.ts'
import { overdue, until } from './overdue.ts'
import type { Asked } from './read-head.ts'
import { type Course, type Fault, lateUpload, lookAgain } from './upload.ts'

/** The exchange that waits. */
interface Waiter {
  readonly connection: Connection
  readonly asked: Asked
  readonly door: Home
  /** When its head was there, on the clock. */
  readonly since: number
  failed(error: unknown): void
}

/**
 * What a request to a host that we do not run waits for just now, and until when: the same limits as `Delivery` sets to
 * our own. They are the deadline of the client's connection, so that none needs a timer of its own but `total`.
 */
export class RemoteWait implements Course {
  seen = 0
  taken = 0
  stuck = 0
  came = 0
  time = 0
  readonly #waiter: Waiter
  readonly #route: TimeoutSettings
  readonly #end: (fault: Fault) => void
  #phase = joining
  #stalled = false
  #total: NodeJS.Timeout | null = null

  constructor(waiter: Waiter, route: TimeoutSettings, end: (fault: Fault) => void) {
    this.#waiter = waiter
    this.#route = route
    this.#end = end
    // The relay has a limit of its own, but not for the name and the handshake of TLS.
    this.#allow(route.connect)
    const { total } = route
    if (total > 0)
      this.#total = later(waiter.since + total - waiter.door.clock.now(), waiter, () =>
        end({ code: 'response-timeout', detail: `It took longer than ${total} ms.` }),
      )
  }

  /** The connection to the host stands. */
  sending(): void {
    const { connection, door } = this.#waiter
    this.#phase = sending
    if (connection.bodyRead) return this.read()
    this.seen = connection.received
    this.#allow(lookAgain(door.timeouts))
  }

  /** All of the request was read; the host has yet to take the last of it. */
  read(): void {
    // Some hosts answer an upload before its end.
    if (this.#phase === sending) this.#allow(this.#waiter.door.timeouts.stall)
  }

  /** All of the request was sent. */
  sent(): void {
    if (this.#phase !== sending) return
    this.#phase = awaiting
    this.#allow(this.#stalled ? this.#waiter.door.timeouts.stall : this.#route.response)
  }

  answering(): void {
    this.#phase = answering
  }

  /** The client has yet to take what came before an answer; as long as it sends a body, it is that which is waited for. */
  held(): void {
    this.#stalled = true
    if (this.#phase === awaiting) this.#allow(this.#waiter.door.timeouts.stall)
  }

  /** Bytes went to the client. `taken`: it takes more, at once or again. */
  passed(taken: boolean): void {
    const { timeouts } = this.#waiter.door
    const wasStalled = this.#stalled
    this.#stalled = !taken
    if (this.#phase === tunnelling) this.#allow(timeouts.tunnel)
    else if (!taken) this.#allow(timeouts.stall)
    else if (this.#phase === answering) this.#allow(this.#route.idle)
    else if (this.#phase === awaiting && wasStalled) this.#allow(this.#route.response)
  }

  /** The response is whole, and the client has yet to take the last of it. */
  leaving(): void {
    this.#phase = leaving
    this.#allow(this.#waiter.door.timeouts.stall)
  }

  tunnelling(): void {
    this.#phase = tunnelling
    // What it may take in all is not meant for those.
    this.#forgetTotal()
    this.passed(true)
  }

  /** What the connection waits for next is for others to say. */
  over(): void {
    this.#phase = over
    this.#forgetTotal()
    this.#waiter.connection.deadline = Number.POSITIVE_INFINITY
  }

  late(): void {
    const { connection, asked, door } = this.#waiter
    switch (this.#phase) {
      case joining:
        return this.#end({ code: 'connect-timeout', detail: 'The connection was not accepted in time.' })
      case sending: {
        const { stall } = door.timeouts
        const stuck = {
          code: 'response-timeout',
          detail: `The host took no byte of the body for ${stall} ms.`,
        } as const
        if (connection.bodyRead) return this.#end(stuck)
        const fault = lateUpload(this, connection, asked.framing.kind === 'chunked', door.timeouts)
        return fault === null ? this.#allow(lookAgain(door.timeouts)) : this.#end(fault)
      }
      case tunnelling:
        // The host's side of it ends with this one.
        return void connection.socket.destroy()
      default: {
        const [code, detail] = overdue(this.#stalled ? leaving : this.#phase, this.#stalled, this.#route, door.timeouts)
        this.#end({ code, detail })
      }
    }
  }

  #allow(limit: number): void {
    this.#waiter.connection.deadline = until(this.#waiter.door.clock, limit)
  }

  #forgetTotal(): void {
    if (this.#total) clearTimeout(this.#total)
    this.#total = null
  }
}
