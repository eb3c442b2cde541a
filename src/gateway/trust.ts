import type { Clock } from '../lib/clock.ts'
import type { Link } from './link.ts'
import type { LinkUser } from './link-user.ts'

/** An app that closes a connection before it was idle for so long may do so at any moment (milliseconds). */
const soon = 1_000
/** So often it is seen before it is told: one of an app's own processes that dies closes its connections once. */
const often = 3

/**
 * How far the kept connections of one run are relied on. What may be sent again takes any; what must not takes none that
 * the app may be closing just now, which shows in those that it closed without a word (RFC 9112 §9.6) before they were
 * too old for us.
 */
export class Trust {
  /** The instance has ended, or does not listen any more: no connection is kept for another request. */
  isOver = false
  readonly #clock: Clock
  readonly #tell: (() => void) | null
  /** Idle for less than this (milliseconds), a connection takes what must not be sent twice. */
  #limit = Number.POSITIVE_INFINITY
  /** One was closed soon since the last one that was opened. */
  #isHasty = false
  #times = 0

  /** `tell`: the app closes soon what it has said it would keep. Called once at most. */
  constructor(clock: Clock, tell: (() => void) | null = null) {
    this.#clock = clock
    this.#tell = tell
  }

  /** The youngest link that is good for this user, taken off the idle ones. */
  pick(idle: Link[], user: LinkUser<Link>, now: number): Link | null {
    for (let link = idle.pop(); link !== undefined; link = idle.pop()) {
      if (now < link.idleUntil && link.socket.writable) {
        if (!this.denies(user, now - sinceWhen(link))) return link
        idle.push(link)
        break
      }
      link.destroy()
    }
    return null
  }

  /** Whether a link that has been idle for so long (milliseconds) is too uncertain for this user. */
  denies(user: LinkUser<Link>, age: number): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY && age >= this.#limit && user.isOnce
  }

  /** A link has closed: if it is one of the idle ones, which it is taken off, that was the app's doing. */
  closed(idle: Link[], link: Link): void {
    const at = idle.indexOf(link)
    if (at === -1) return
    idle.splice(at, 1)
    const now = this.#clock.now()
    if (now >= link.idleUntil) return
    const age = now - sinceWhen(link)
    this.#limit = trustAfter(this.#limit, age)
    if (age < soon) this.#isHasty = true
  }

  /** A request on a link that was used before got no byte back: the app may have closed it, or wanted to close now. */
  lost(): void {
    this.#limit = 0
  }

  /** A new link stands, so the app has not died of what made it close the others. */
  opened(): void {
    this.isOver = false
    if (!this.#isHasty) return
    this.#isHasty = false
    if (++this.#times === often) this.#tell?.()
  }
}

/** The limit after a connection was closed that had been idle for so long (milliseconds). Never more than before. */
export function trustAfter(limit: number, age: number): number {
  return Math.min(limit, age < soon ? 0 : age / 2)
}

function sinceWhen(link: Link): number {
  return link.idleUntil - link.idleTime
}
