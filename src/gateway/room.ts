import type { Clock } from '../lib/clock.ts'
import type { Journal } from '../observe/journal.ts'

/** Idle connections are looked for among so many at once; the busy ones go to the end of the line. */
const lookAt = 64

/** Between two complaints (milliseconds). */
const complainEvery = 60_000

/** A client's connection, as far as it can make room. */
export interface Spare {
  readonly isIdle: boolean
  readonly socket: { destroy(): void }
}

/**
 * How many sockets one gateway may have open, of clients and instances together. When there is no more room, the oldest
 * idle client makes some: it loses nothing that it cannot ask for again. Without this bound whoever holds enough idle
 * connections takes the descriptors that probes, files and new instances need.
 */
export class Room {
  used = 0
  readonly #most: number
  readonly #clients: Set<Spare>
  readonly #clock: Clock
  readonly #complain: (sockets: number) => void
  #complainedAt = -Infinity

  constructor(most: number, clients: Set<Spare>, clock: Clock, complain: (sockets: number) => void) {
    this.#most = most
    this.#clients = clients
    this.#clock = clock
    this.#complain = complain
  }

  /** Whether one more socket may be opened; `give` takes it back when it is closed. */
  take(): boolean {
    if (this.used >= this.#most) {
      this.#tell()
      if (!this.#spareOne()) return false
    }
    this.used += 1
    return true
  }

  give(): void {
    this.used -= 1
  }

  #spareOne(): boolean {
    let looked = 0
    for (const client of this.#clients) {
      if (++looked > lookAt) return false
      this.#clients.delete(client)
      if (client.isIdle) {
        client.socket.destroy()
        return true
      }
      this.#clients.add(client)
    }
    return false
  }

  #tell(): void {
    const now = this.#clock.now()
    if (now - this.#complainedAt < complainEvery) return
    this.#complainedAt = now
    this.#complain(this.used)
  }
}

/** The room that `limit` open files leave. */
export function openRoom(limit: number, clients: Set<Spare>, clock: Clock, journal: Journal): Room {
  return new Room(roomIn(limit), clients, clock, (sockets) => {
    const room = `${sockets} connections are all that the limit of ${limit} open files leaves room for`
    const message = `${room}: idle clients are closed for new ones; raise \`ulimit -n\`.`
    journal.write({ type: 'notice', level: 'warn', message })
  })
}

/** Sockets that `limit` open files leave room for: a quarter, but no more than 4096, is for everything else. */
export function roomIn(limit: number): number {
  return Math.max(8, limit - Math.min(4_096, Math.max(64, Math.ceil(limit / 4))))
}
