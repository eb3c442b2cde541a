import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Upstream } from '../model/route.ts'
import type { ConnectionSettings } from '../model/settings.ts'
import { idleTimeOf } from './idle.ts'
import { Link } from './link.ts'
import type { LinkOwner, LinkUser } from './link-user.ts'
import { isRunning } from './pulse.ts'
import type { Room } from './room.ts'
import type { Sweep, Waiting } from './sweep.ts'

/** After so many milliseconds a full backlog is asked again. */
const knockEvery = 10

/** Where an instance listens, and which process it is. */
type Place = Omit<Upstream, 'run'>

/** The connections to one instance: idle ones are used again, the youngest first, so that the others may grow old. */
export class Pool implements LinkOwner<Link>, Waiting, Disposable {
  deadline: number = Number.POSITIVE_INFINITY
  readonly isPaused: boolean = false
  readonly clock: Clock
  /** May change while it is in use. */
  limits: ConnectionSettings
  /** How often anything was read from the instance: a number costs less than a look at the clock. */
  reads = 0
  readonly #at: Place
  readonly #sweep: Sweep
  readonly #room: Room
  readonly #links = new Set<Link>()
  readonly #queue = new Set<LinkUser<Link>>()
  /** Whose connection found the backlog of a Unix socket full, where TCP would have waited: tried again soon. */
  readonly #crowd = new Set<LinkUser<Link>>()
  #knocking = false
  #idle: Link[] = []
  #retired = false
  #heard = 0
  #heardAt: number

  constructor(at: Place, limits: ConnectionSettings, clock: Clock, sweep: Sweep, room: Room) {
    this.#at = at
    this.limits = limits
    this.clock = clock
    this.#heardAt = clock.now()
    this.#sweep = sweep
    this.#room = room
    sweep.add(this)
  }

  idleTime(seconds: number): number {
    return idleTimeOf(seconds, this.limits.idle)
  }

  /** Whether the user will be `linked` (at once, with an idle link) or told that it is `lost`; false when it is full. */
  join(user: LinkUser<Link>, now: number): boolean {
    for (let link = this.#idle.pop(); link !== undefined; link = this.#idle.pop()) {
      if (now < link.idleUntil && link.socket.writable) {
        user.linked(link)
        return true
      }
      link.destroy()
    }
    const all = this.#links.size + this.#crowd.size
    if (all < this.limits.max && this.#open(user)) return true
    // Without a link of its own there is none whose end could serve the queue.
    if (all === 0 || this.#queue.size >= this.limits.queue) return false
    this.#queue.add(user)
    return true
  }

  /** Milliseconds since bytes of it were noticed, by asking this. */
  quiet(now: number): number {
    if (this.reads !== this.#heard) this.#heardAt = now
    this.#heard = this.reads
    return now - this.#heardAt
  }

  /** What it means that this user has waited too long. */
  lateCode(user: LinkUser<Link>): ErrorCode {
    return this.#queue.has(user) ? 'busy' : 'connect-timeout'
  }

  /** The user no longer wants what it joined for. */
  leave(user: LinkUser<Link>): void {
    if (this.#queue.delete(user) || this.#crowd.delete(user)) return
    for (const link of this.#links) if (link.user === user) link.destroy()
  }

  dropIdle(): void {
    const links = this.#idle
    this.#idle = []
    for (const link of links) link.destroy()
  }

  /** Idle links are closed now, busy ones as they become idle. */
  [Symbol.dispose](): void {
    this.#retired = true
    this.dropIdle()
    this.#sweep.delete(this)
  }

  opened(link: Link): void {
    const { user } = link
    const { pid } = this.#at
    // Asked after the connection stands: if it runs now, it ran when somebody accepted, and the port was not free.
    if (pid === undefined || isRunning(pid)) return user?.linked(link)
    link.destroy()
    user?.lost('unreachable', 'The app has ended, and who listens at its port is somebody else.', true)
  }

  crowded(link: Link): void {
    const { user } = link
    link.user = null
    link.destroy()
    if (user === null) return
    this.#crowd.add(user)
    this.#knock()
  }

  freed(link: Link, isHeard = false): void {
    // More than there may be, since an edit of the configuration lowered the limit.
    if (this.#retired || this.#links.size > this.limits.max) return link.destroy()
    const next = this.#queue.size === 0 ? undefined : this.#queue.values().next().value
    if (next === undefined) {
      this.#idle.push(link)
      if (link.idleUntil < this.deadline) this.deadline = link.idleUntil
      return
    }
    // The app may have closed it behind its response, with a word or without: that is heard of within two turns of the loop.
    if (!isHeard) return void setImmediate(() => setImmediate(() => link.socket.destroyed || this.freed(link, true)))
    this.#queue.delete(next)
    // Whose mistake it is: not that of the exchange which has just ended.
    try {
      next.linked(link)
    } catch (error) {
      next.failed(error)
    }
  }

  closed(link: Link): void {
    this.#links.delete(link)
    this.#room.give()
    const at = this.#idle.indexOf(link)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#crowd.size === 0) this.#openNext()
  }

  late(now: number): void {
    const kept: Link[] = []
    this.deadline = Number.POSITIVE_INFINITY
    const links = this.#idle
    this.#idle = []
    for (const link of links) {
      if (now >= link.idleUntil) link.destroy()
      else {
        kept.push(link)
        this.deadline = Math.min(this.deadline, link.idleUntil)
      }
    }
    this.#idle = kept
  }

  feel(): void {}

  #knock(): void {
    if (this.#knocking) return
    this.#knocking = true
    setTimeout(() => {
      this.#knocking = false
      const crowd = [...this.#crowd]
      for (const user of crowd) if (this.#links.size < this.limits.max && this.#open(user)) this.#crowd.delete(user)
      if (this.#crowd.size > 0) this.#knock()
      else if (this.#links.size === 0) this.#openNext()
    }, knockEvery)
  }

  #openNext(): void {
    const [next] = this.#queue
    if (next !== undefined && this.#links.size < this.limits.max && this.#open(next)) this.#queue.delete(next)
  }

  #open(user: LinkUser<Link>): boolean {
    if (!this.#room.take()) return false
    const link = new Link(this.#at, this)
    link.user = user
    this.#links.add(link)
    return true
  }
}
