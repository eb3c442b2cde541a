import type { Head } from '../http/head.ts'
import type { Refusal as Unread } from '../http/refusal.ts'
import type { Refusal } from '../model/admission.ts'
import { bodyMark } from '../model/poison.ts'
import type { Route } from '../model/route.ts'
import type { Connection } from './connection.ts'
import type { Door } from './door.ts'
import { type Sent, shapeOfRequest } from './losses.ts'
import type { Kept } from './keep.ts'
import { type Asked, expectNothing } from './read-head.ts'
import type { BodySink } from './served.ts'
import { refusal, refusalOf } from './verdict.ts'

/** A request whose body decides whether it is sent. */
interface Gatherer extends Sent {
  readonly door: Door
  readonly connection: Connection
  readonly head: Head
  readonly traffic: { in: number; out: number }
  refuse(refused: Refusal): void
}

/**
 * Whether this could be one of those with a certain body that are suspected: then that is read before anything is sent.
 * Not what is chunked: it would have to be kept as far as it goes, and may go further than there is room.
 */
export function isInDoubt(it: Gatherer, { poison }: Route): boolean {
  const { kept, asked } = it
  if (poison === null || kept === null || kept.isWhole || asked.framing.kind !== 'length') return false
  const marked = shapeOfRequest(it) + bodyMark
  const isMeant = (shape: string): boolean => shape.startsWith(marked)
  return (poison.suspects.some(isMeant) || poison.quarantined.some((one) => isMeant(one.shape))) && kept.reserve()
}

/** Reads the body of a request to its end, then calls. */
export function gather(it: Gatherer, then: () => void): void {
  const { connection, door } = it
  if (it.kept === null) return then()
  connection.deadline = door.clock.now() + door.timeouts.body
  askForBody(it)
  connection.readBody(new Gathering(it, it.kept, then))
}

/** Whose body is read by us. */
interface Expecting {
  readonly connection: Connection
  readonly head: Head
  readonly asked: Asked
}

/** RFC 9110 §10.1.1: a client may wait for this before it sends what we wait for, and nobody need say it again. */
export function askForBody({ connection, head, asked }: Expecting): void {
  if (!asked.expects || connection.bodyRead || !expectNothing(head)) return
  // The response before may still wait for the end of the turn.
  connection.out.flush()
  connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
}

/** The body did not come in time. */
export function tooSlow(it: Gatherer): void {
  it.refuse(refusal('request-timeout', `The body did not come within ${it.door.timeouts.body} ms.`))
}

class Gathering implements BodySink {
  readonly #it: Gatherer
  readonly #kept: Kept
  readonly #then: () => void

  constructor(it: Gatherer, kept: Kept, then: () => void) {
    this.#it = it
    this.#kept = kept
    this.#then = then
  }

  bodyData(bytes: Buffer, start: number, end: number): void {
    this.#it.traffic.in += end - start
    this.#kept.add(bytes, start, end)
  }

  bodyFlush(): boolean {
    return true
  }

  bodyWhole(): void {
    this.#it.connection.deadline = Number.POSITIVE_INFINITY
    this.#kept.isWhole = true
    this.#then()
  }

  bodyBroken(refused: Unread): void {
    this.#it.refuse(refusalOf(refused))
  }
}
