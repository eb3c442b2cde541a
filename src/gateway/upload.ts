import type { Refusal } from '../http/refusal.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { ClientTimeouts } from '../model/settings.ts'
import type { Connection } from './connection.ts'
import type { Errand } from './errand.ts'
import type { Link } from './link.ts'
import type { BodySink } from './served.ts'
import { takenFrom } from './taken.ts'

/** What comes of it. */
interface Uploader {
  readonly traffic: { in: number; out: number }
  /** The request is written to its last byte. */
  uploaded(): void
  unreadable(refusal: Refusal): void
  failed(error: unknown): void
}

/**
 * The body of one request on its way to an app; the head leaves together with what is at hand. An app that refuses an
 * upload answers and closes, and its answer is read although a write has failed, see `Link` (RFC 9112 §9.3).
 */
export class Upload implements BodySink, Course {
  seen: number
  taken = 0
  stuck = 0
  came = 0
  time = 0
  readonly #errand: Errand
  readonly #link: Link
  readonly #uploader: Uploader

  constructor(errand: Errand, link: Link, uploader: Uploader) {
    this.#errand = errand
    this.#link = link
    this.#uploader = uploader
    this.seen = errand.connection.received
  }

  start(): void {
    const { connection } = this.#errand
    this.#allow()
    connection.readBody(this)
    // With nothing at hand the head goes alone. What is at hand is read right after this, where it came with the head.
    if (connection.ahead === 0) this.#link.out.flush()
  }

  /** The time that it had is over. Null: it has as long again. */
  late(): Fault | null {
    const { connection, asked, door } = this.#errand
    const taken = takenFrom(this.#link.socket)
    const fault = lateUpload(this, connection, asked.framing.kind === 'chunked', door.timeouts, taken)
    if (fault === null) this.#allow()
    return fault
  }

  bodyData(bytes: Buffer, start: number, end: number): void {
    this.#uploader.traffic.in += end - start
    this.#link.out.data(bytes, start, end)
    this.#errand.kept?.add(bytes, start, end)
  }

  bodyFlush(): boolean {
    return this.#link.out.flush()
  }

  bodyWhole(): void {
    // Trailers of a request are dropped: no app we run expects any, and merged they could be anything.
    this.#link.out.last(null)
    if (this.#errand.kept) this.#errand.kept.isWhole = true
    this.#link.out.flushSoon()
    this.#uploader.uploaded()
  }

  bodyBroken(refusal: Refusal): void {
    this.#uploader.unreadable(refusal)
  }

  #allow(): void {
    const { connection, door } = this.#errand
    connection.deadline = door.clock.now() + lookAgain(door.timeouts)
  }
}

/** Why an exchange cannot go on. */
export interface Fault {
  readonly code: ErrorCode
  readonly detail: string
}

/** How far a body had come when it was last looked at. */
export interface Course {
  /** Bytes of it that had been read. */
  seen: number
  /** Bytes that whoever it is for had taken, head and all. */
  taken: number
  /** For how long nobody has taken any of it, in ms. */
  stuck: number
  /** What came of it while its client could send, and for how long that was, in ms; at most `timeouts.body`. */
  came: number
  time: number
}

/** How long after the last look the next one is due (milliseconds). */
export function lookAgain({ body, stall }: ClientTimeouts): number {
  return Math.min(body, stall)
}

/**
 * Looks at a body on its way, whoever it is for, `lookAgain` ms after the last time, and says whose fault it is when it
 * does not move. While the app takes no more it is not the client who is slow; but neither is the client seen to leave,
 * so that is bounded, too. `taken`: how much of it has left here, where that is known.
 */
export function lateUpload(
  course: Course,
  { received, isPaused }: Pick<Connection, 'received' | 'isPaused'>,
  isChunked: boolean,
  timeouts: ClientTimeouts,
  taken = 0,
): Fault | null {
  const fresh = received - course.seen
  const moves = fresh > 0 || taken > course.taken
  course.seen = received
  course.taken = taken
  course.stuck = moves || !isPaused ? 0 : course.stuck + lookAgain(timeouts)
  if (isPaused) {
    course.came = course.time = 0
    const detail = `The app took no byte of the body for ${course.stuck} ms.`
    return course.stuck >= timeouts.stall ? { code: 'response-timeout', detail } : null
  }
  course.came += fresh
  course.time += lookAgain(timeouts)
  if (course.time < timeouts.body) return null
  const { came, time } = course
  course.came = course.time = 0
  const enough = isChunked ? 1 : (timeouts.bodyRate * time) / 1_000
  const detail = `Only ${came} bytes of the body came in ${time} ms.`
  return came < enough ? { code: 'request-timeout', detail } : null
}
