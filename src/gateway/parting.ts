import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'

import { EventMarks } from '../http/event-marks.ts'
import type { Head } from '../http/head.ts'
import { GET } from '../http/method.ts'
import { nameNumber } from '../http/names.ts'
import { spells } from '../http/octets.ts'
import { closeFrame, FrameMarks, maskedCloseFrame } from '../http/websocket-frames.ts'

/**
 * How a response without an end of its own takes leave of an instance that is to go: it follows what passes, so that it
 * knows a moment at which nothing is torn.
 */
export interface Parting {
  /** Of the app's bytes: up to where they may go to the client. */
  toClient(bytes: Buffer, start: number, end: number): number
  /** Of the client's bytes: up to where they may go to the app. */
  toApp(bytes: Buffer, start: number, end: number): number
  /** Takes leave if this is the moment; `isClosing`: of the whole gateway. `leaving`: both sides were told and close now; `over`: the response is whole. */
  part(client: Writable, app: Writable, isClosing: boolean): 'not-yet' | 'leaving' | 'over'
}

/** What can be ended in order, of the final responses: null when it has an end of its own, or none that could be seen. */
export function partingOf(head: Head, request: Head): Parting | null {
  // A stream that answers a POST (a completion, a report) is a result, and half of a result is wrong: it drains. What was
  // asked for with GET is a subscription, whose client comes back.
  if (!head.has(CONTENT_TYPE) || request.method !== GET || head.status !== 200 || head.has(CONTENT_ENCODING))
    return null
  const index = head.indexOf(CONTENT_TYPE)
  const start = head.valueStart(index)
  const isStream = spells(head.bytes, start, Math.min(head.valueEnd(index), start + STREAM.length), STREAM)
  return isStream ? new EventStream() : null
}

const CONTENT_TYPE = nameNumber('content-type')
const CONTENT_ENCODING = nameNumber('content-encoding')
const STREAM = 'text/event-stream'

/** An event stream ends behind an event: the client has nothing to throw away and comes back for more. */
class EventStream implements Parting {
  readonly #marks = new EventMarks()
  #due = false
  #isOver = false

  toClient(bytes: Buffer, start: number, end: number): number {
    return this.#isOver ? start : this.#marks.follow(bytes, start, end, this.#due)
  }

  toApp(_bytes: Buffer, _start: number, end: number): number {
    return end
  }

  part(): 'not-yet' | 'over' {
    this.#due = true
    if (!this.#marks.atBoundary) return 'not-yet'
    this.#isOver = true
    return 'over'
  }
}

/** Close codes: RFC 6455 §7.4.1, and the IANA registry of WebSocket close codes. */
const goingAway = 1001
const serviceRestart = 1012

/** Both sides of a WebSocket get a Close frame, between two frames (RFC 6455 §5.5.1, §7.4). */
export class WebSocketParting implements Parting {
  readonly #app = new FrameMarks()
  readonly #client = new FrameMarks()
  #due = false
  #toldClient = false
  #toldApp = false

  toClient(bytes: Buffer, start: number, end: number): number {
    return this.#toldClient ? start : this.#app.follow(bytes, start, end, this.#due)
  }

  toApp(bytes: Buffer, start: number, end: number): number {
    return this.#toldApp ? start : this.#client.follow(bytes, start, end, this.#due && this.#toldClient)
  }

  part(client: Writable, app: Writable, isClosing: boolean): 'not-yet' | 'leaving' {
    this.#due = true
    const code = isClosing ? goingAway : serviceRestart
    if (!this.#toldClient) {
      if (!this.#app.atBoundary) return 'not-yet'
      this.#toldClient = true
      if (!this.#app.closing) client.write(closeFrame(code))
    }
    if (!this.#toldApp && this.#client.atBoundary) {
      this.#toldApp = true
      if (!this.#client.closing) app.write(maskedCloseFrame(code, randomBytes(4)))
    }
    return 'leaving'
  }
}
