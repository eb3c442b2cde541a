import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Upstream } from '../model/route.ts'
import type { ConnectionSettings } from '../model/settings.ts'
import { idleTimeOf } from './idle.ts'
import { Link } from './link.ts'
import type { LinkOwner, LinkUser } from './link-user.ts'
import { isRunning } from './pulse.ts'
import type { Room } from './room.ts'
import { OwnSlots, type Slots } from './slots.ts'
import type { Sweep, Waiting } from './sweep.ts'
import { Trust } from './trust.ts'

/** After so many milliseconds a full backlog is asked again. */
const knockEvery = 10
/**
 * For so long a thread goes on with a connection that another one waits for (milliseconds), as it has to be closed and
 * opened anew at each change.
 */
const turnTime = 5
/** How long an app may take to close its side of a connection that was ended for another thread (milliseconds). */
const noticeTime = 250

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
  readonly trust: Trust
  readonly #at: Place
  readonly #sweep: Sweep
  readonly #room: Room
  /** One is taken for each link, and for each of the crowd. */
  readonly #slots: Slots
  readonly #links = new Set<Link>()
  readonly #queue = new Set<LinkUser<Link>>()
  /** Whose connection found the backlog of a Unix socket full, where TCP would have waited: tried again soon. */
  readonly #crowd = new Set<LinkUser<Link>>()
  #knocking = false
  #idle: Link[] = []
  /** Ended for another thread, and the app has not noticed yet. */
  readonly #parting = new Set<Link>()
  #retired = false
  #heard = 0
  #heardAt: number
  #turnEnds = 0

  constructor(
    at: Place,
    limits: ConnectionSettings,
    clock: Clock,
    sweep: Sweep,
    room: Room,
    slots: Slots = new OwnSlots(),
    trust: Trust = new Trust(clock),
  ) {
    this.#at = at
    this.limits = limits
    this.clock = clock
    this.#heardAt = clock.now()
    this.#sweep = sweep
    this.#room = room
    this.#slots = slots
    this.trust = trust
    sweep.add(this)
    slots.listen(() => this.#rung())
  }

  idleTime(seconds: number): number {
    return idleTimeOf(seconds, this.limits.idle)
  }

  /** Whether the user will be `linked` (at once, with an idle link) or told that it is `lost`; false when it is full. */
  join(user: LinkUser<Link>, now: number): boolean {
    const { max, queue } = this.limits
    if (!this.#slots.admit(max, queue)) return false
    const kept = this.trust.pick(this.#idle, user, now)
    if (kept !== null) {
      user.linked(kept)
      return true
    }
    const slots = this.#slots
    // Nobody passes those who wait, here or at another thread.
    if (this.#queue.size === 0 && !slots.isWanted && slots.take(max)) {
      if (this.#open(user)) return true
      slots.give()
      slots.pass(max)
      // Without a link of its own there is none whose end could serve the queue.
      if (this.#links.size + this.#crowd.size === 0) {
        slots.dismiss()
        return false
      }
    }
    slots.wait()
    this.#queue.add(user)
    // One that it may not have makes room for one that it may.
    this.#idle.shift()?.destroy()
    // What became free meanwhile was given up before it could be known that somebody waits here.
    if (slots.taken < max) this.#giveOn(0)
    else if (this.#queue.size === 1) slots.call()
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
    if (this.#unqueue(user)) {
      this.#slots.dismiss()
      return this.#endIfOver()
    }
    if (this.#crowd.delete(user)) {
      this.#slots.dismiss()
      return this.#giveUp()
    }
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
    for (const link of this.#parting) link.destroy()
    this.#sweep.delete(this)
    this.#endIfOver()
  }

  opened(link: Link): void {
    const { user } = link
    const { pid } = this.#at
    // Asked after the connection stands: if it runs now, it ran when somebody accepted, and the port was not free.
    if (pid === undefined || isRunning(pid)) {
      this.trust.opened()
      return user?.linked(link)
    }
    link.destroy()
    user?.lost('unreachable', 'The app has ended, and who listens at its port is somebody else.', true)
  }

  crowded(link: Link): void {
    const { user } = link
    link.user = null
    link.destroy()
    if (user === null) return
    this.#links.delete(link)
    this.#crowd.add(user)
    this.#knock()
  }

  done(): void {
    this.#slots.dismiss()
  }

  freed(link: Link, isHeard = false): void {
    // More than there may be, since an edit of the configuration lowered the limit.
    if (this.#retired || this.trust.isOver || this.#slots.taken > this.limits.max) return link.destroy()
    const next = this.#queue.size === 0 ? undefined : this.#queue.values().next().value
    if (this.#slots.isWanted && (next === undefined || !this.#mayGoOn(0))) return this.#part([link])
    if (next === undefined) {
      this.#idle.push(link)
      if (link.idleUntil < this.deadline) this.deadline = link.idleUntil
      return
    }
    if (this.trust.denies(next, 0)) return link.destroy()
    // The app may have closed it behind its response, with a word or without: that is heard of within two turns of the loop.
    if (!isHeard) return void setImmediate(() => setImmediate(() => link.socket.destroyed || this.freed(link, true)))
    this.#unqueue(next)
    // Whose mistake it is: not that of the exchange which has just ended.
    try {
      next.linked(link)
    } catch (error) {
      next.failed(error)
    }
  }

  closed(link: Link): void {
    this.#room.give()
    this.trust.closed(this.#idle, link)
    this.#parting.delete(link)
    // Else its slot belongs to one of the crowd.
    if (this.#links.delete(link)) this.#giveUp()
  }

  late(now: number): void {
    const links = [...this.#idle, ...this.#parting]
    this.#idle = this.#idle.filter((link) => now < link.idleUntil)
    this.deadline = Number.POSITIVE_INFINITY
    for (const link of links) {
      if (now >= link.idleUntil) link.destroy()
      else this.deadline = Math.min(this.deadline, link.idleUntil)
    }
  }

  feel(): void {}

  #knock(): void {
    if (this.#knocking) return
    this.#knocking = true
    setTimeout(() => {
      this.#knocking = false
      for (const user of this.#crowd) if (this.#open(user)) this.#crowd.delete(user)
      if (this.#crowd.size > 0) this.#knock()
    }, knockEvery)
  }

  /** A slot that was taken is for who waits. */
  #giveUp(): void {
    this.#slots.give()
    this.#giveOn(1)
    this.#endIfOver()
  }

  /** One slot at least is free, and `had` of them was ours until now. */
  #giveOn(had: number): void {
    if (!this.#slots.isWanted || (had > 0 && this.#mayGoOn(had))) this.#serve(1)
    this.#slots.pass(this.limits.max)
  }

  /** Another thread has given up a slot, or waits for one. */
  #rung(): void {
    const before = this.#queue.size
    const more = this.#serve(before)
    if (this.#queue.size < before) this.#turnEnds = this.clock.now() + turnTime
    if (this.#slots.isWanted) this.#part(this.#idle.splice(0))
    if (more) this.#slots.pass(this.limits.max)
  }

  /** Whether to go on, with so many more links than there are, as long as somebody waits here, although others wait too. */
  #mayGoOn(more: number): boolean {
    const links = this.#links.size - this.#parting.size + more
    return links <= this.#slots.share(this.limits.max) || this.clock.now() < this.#turnEnds
  }

  /** An app that counts its connections is to notice the end of these before another thread opens one. */
  #part(links: readonly Link[]): void {
    const until = this.clock.now() + noticeTime
    for (const link of links) {
      link.idleUntil = until
      this.#parting.add(link)
      link.socket.end()
    }
    if (links.length > 0) this.deadline = Math.min(this.deadline, until)
  }

  /** False when there is no room for another socket. */
  #serve(most: number): boolean {
    let left = most
    for (const user of this.#queue) {
      if (left-- === 0 || !this.#slots.take(this.limits.max)) return true
      if (!this.#open(user)) {
        this.#slots.give()
        return false
      }
      this.#unqueue(user)
    }
    return true
  }

  #unqueue(user: LinkUser<Link>): boolean {
    if (!this.#queue.delete(user)) return false
    this.#slots.waited()
    return true
  }

  /** For a slot that is taken. */
  #open(user: LinkUser<Link>): boolean {
    if (!this.#room.take()) return false
    const link = new Link(this.#at, this)
    link.user = user
    this.#links.add(link)
    return true
  }

  #endIfOver(): void {
    if (this.#retired && this.#links.size + this.#queue.size + this.#crowd.size === 0) this.#slots[Symbol.dispose]()
  }
}
