import { createHash } from 'node:crypto'

import type { Head } from '../http/head.ts'
import { DELETE, isSafe, PUT } from '../http/method.ts'
import { nameNumber } from '../http/names.ts'
import type { Route } from '../model/route.ts'
import type { ReplaySettings } from '../model/settings.ts'
import type { Outlet } from './outlet.ts'
import { type Asked, isRepeatable } from './read-head.ts'

/** Bytes of bodies that are kept at once, of all apps. Beyond it a request is simply not sent again. */
const maxKept = 64 * 1024 * 1024
/** Enough to tell a few bodies apart; too little to tell what was in one. */
const digestLength = 12
/** The part of it that one app may use, so that its uploads do not cost the others theirs. */
const appShare = 1 / 4

/** Bodies of requests that may be sent once more, of all requests of one gateway thread, within a bound. */
export class Shelf {
  readonly #max: number
  readonly #byApp = new Map<string, number>()
  #used = 0

  constructor(max: number = maxKept) {
    this.#max = max
  }

  /** Bytes, with what is reserved for more to come. */
  get used(): number {
    return this.#used
  }

  /** Null for a request that is sent once whatever happens, or that needs no keeping because it is safe and bare. */
  keep({ app, replay }: Route, head: Head, asked: Asked): Kept | null {
    if (replay === null || isRepeatable(head, asked) || !mayReplay(replay, head)) return null
    const { framing } = asked
    const most = framing.kind === 'chunked' ? replay.body : Math.max(0, framing.length)
    // What is too long may be sent again as long as nothing of it has come.
    return new Kept(this, app, most <= replay.body ? most : 0)
  }

  /** Whether there was room. */
  take(app: string, size: number): boolean {
    const before = this.#byApp.get(app) ?? 0
    if (this.#used + size > this.#max || before + size > this.#max * appShare) return false
    this.#used += size
    this.#byApp.set(app, before + size)
    return true
  }

  give(app: string, size: number): void {
    this.#used -= size
    const left = (this.#byApp.get(app) ?? 0) - size
    if (left === 0) this.#byApp.delete(app)
    else this.#byApp.set(app, left)
  }
}

/** What has come of one request's body. */
export class Kept {
  readonly #shelf: Shelf
  readonly #app: string
  readonly #most: number
  /** All of the body has come. */
  isWhole = false
  #room = nothing
  #size = 0
  #released = false

  constructor(shelf: Shelf, app: string, most: number) {
    this.#shelf = shelf
    this.#app = app
    this.#most = most
  }

  /** Whether all that came is here. */
  get isIntact(): boolean {
    return !this.#released
  }

  /** Of the whole body; empty when that is not here, or empty. Costs as much as its length: not for the straight path. */
  get digest(): string {
    if (!this.isWhole || this.#size === 0) return ''
    return createHash('sha256').update(this.#room.subarray(0, this.#size)).digest('hex').slice(0, digestLength)
  }

  /** Makes room for all that may come. False when there is none. */
  reserve(): boolean {
    return this.isIntact && this.#most > 0 && (this.#room.length === this.#most || this.#grow(this.#most))
  }

  /** Copied: the bytes are lent. */
  add(bytes: Buffer, start: number, end: number): void {
    if (this.#released) return
    const size = this.#size + end - start
    if (size > this.#room.length && !this.#grow(size)) return this.release()
    bytes.copy(this.#room, this.#size, start, end)
    this.#size = size
  }

  /** What has come so far, for another try; the rest follows as it comes. */
  writeTo(out: Outlet): void {
    out.data(this.#room, 0, this.#size)
  }

  /** It is not sent again. Twice is harmless. */
  release(): void {
    this.#released = true
    if (this.#room.length > 0) this.#shelf.give(this.#app, this.#room.length)
    this.#room = nothing
    this.#size = 0
  }

  /** Twice as much as before at least: a body of many small pieces is not copied for each. */
  #grow(size: number): boolean {
    const length = Math.min(this.#most, Math.max(size, 2 * this.#room.length))
    if (size > length || !this.#shelf.take(this.#app, length - this.#room.length)) return false
    // Not out of Node's pool: a few bytes would keep 8 KiB of it.
    const room = Buffer.allocUnsafeSlow(length)
    this.#room.copy(room, 0, 0, this.#size)
    this.#room = room
    return true
  }
}

const nothing = Buffer.alloc(0)
const IDEMPOTENCY_KEY = nameNumber('idempotency-key')

function mayReplay({ idempotent, key }: ReplaySettings, head: Head): boolean {
  const { method } = head
  // RFC 9110 §9.2.2: what may be repeated without another effect than that of once.
  if (idempotent && (isSafe(method) || method === PUT || method === DELETE)) return true
  // draft-ietf-httpapi-idempotency-key-header. Which of several would be meant is in doubt, and so is an empty one.
  return key && head.value(IDEMPOTENCY_KEY) !== '' && !head.isRepeated(IDEMPOTENCY_KEY)
}
