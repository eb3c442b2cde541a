import type { Socket } from 'node:net'

import { BodyReader } from '../http/body.ts'
import { CLOSE, type Framing } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import { parseHead } from '../http/parse-head.ts'
import { feel } from './ahead.ts'
import { hear, outletOf, readFrom } from './blame.ts'
import * as is from './client-state.ts'
import { giveHead, takeRequestHead } from './heads.ts'
import { Inbox } from './inbox.ts'
import type { Origin } from './origin.ts'
import type { Outlet } from './outlet.ts'
import type { BodySink, Front, Rewritten, Served } from './served.ts'
import type { Waiting } from './sweep.ts'

/**
 * One client's socket: reads one request after the other, strictly in order, and serves one at a time. Bytes that come
 * early wait, within a bound; beyond it they are left to the kernel. A client that closes its side while it is served
 * has left (as with nginx, Go and Node): only the FIN tells.
 */
export class Connection implements Waiting {
  readonly socket: Socket
  readonly out: Outlet
  origin: Origin
  deadline: number
  served: Served | null = null
  /** Whether the request's body was read to its end. */
  bodyRead = true
  /** Whether no more is read for now, because nobody takes it. */
  isPaused = false
  /** Body bytes read so far, of the request that is served. */
  received = 0
  /** What was last rewritten for this client, see `outgoing.ts`: most requests on a connection are alike. */
  readonly last: Rewritten = { authority: '', host: '', prefix: '', subject: null, lines: '' }
  readonly #front: Front<Connection>
  readonly #reader = new BodyReader()
  readonly #inbox = new Inbox(this.#reader)
  #head: Head | null = null
  #sink: BodySink | null = null
  #state = is.reading
  #advancing = false
  #leftover = 0

  constructor(socket: Socket, front: Front<Connection>) {
    this.socket = socket
    this.out = outletOf(this)
    this.origin = front.originOf(socket.remoteAddress)
    this.#front = front
    this.deadline = front.clock.now() + front.timeouts.head
    front.sweep.add(this)
    readFrom(this, this.#inbox, (bytes, size) => this.#take(bytes, size))
    hear(this, 'end', () => this.#left())
    socket.on('error', () => this.socket.destroy())
    hear(this, 'close', () => this.#closed())
  }

  /** Nothing of a request is there, and of a response nothing is left here. */
  get isIdle(): boolean {
    return this.#state === is.reading && this.#inbox.size === 0 && !this.out.isWaiting
  }

  get ahead(): number {
    return this.#inbox.size
  }

  /** How the body of the request just begun is framed. */
  expectBody(framing: Framing): void {
    this.#reader.begin(framing, 'request')
    this.bodyRead = framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0)
    this.received = 0
  }

  /** Reads the body; the sink hears of what is `ahead` already, within this call or right after it. */
  readBody(sink: BodySink): void {
    if (this.bodyRead) return sink.bodyWhole()
    this.#sink = sink
    this.#state = is.inBody
    this.resume()
    this.#advance()
  }

  /** From here on all bytes are the sink's, and the client's FIN is no leaving: a tunnel. */
  readAll(sink: BodySink): void {
    this.#head = giveHead(this.#head)
    this.#sink = sink
    this.#state = is.tunnelling
    this.#reader.begin(CLOSE, 'request')
    this.resume()
    this.#advance()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.socket.resume()
    this.#advance()
  }

  feel(): void {
    feel(this.socket, this.out, this.#inbox)
  }

  /** The body is of no use any more; what is left of it is dropped when the response is out. */
  stopBody(): void {
    this.#sink = null
    if (this.#state === is.inBody) this.#state = is.busy
  }

  /** The response is out. The next request, if this one is read to its end or nearly so. */
  next(now: number): void {
    if (this.#isOver()) return
    if (this.bodyRead) {
      this.#state = is.reading
      const { head, keepAlive } = this.#front.timeouts
      this.deadline = now + (this.#inbox.size > 0 ? head : keepAlive)
    } else {
      this.#state = is.draining
      this.#leftover = is.maxLeftover
      this.deadline = now + is.lingerTime
    }
    this.resume()
    this.#advance()
  }

  /** The last response is out: FIN, and what the client still sends is read for a moment, lest a reset overtake it. */
  close(promised = false): void {
    if (this.#isOver()) return
    this.out.flush()
    // Who has promised to send nothing more need not be listened to (RFC 9112 §9.6): a fifth of what a connection costs.
    if (promised && this.bodyRead && this.#inbox.size === 0 && this.out.isEmpty) return void this.socket.destroy()
    this.#state = is.lingering
    this.#leftover = is.maxLeftover
    this.deadline = this.#front.clock.now() + is.lingerTime
    this.#inbox.clear()
    this.socket.end()
    this.resume()
  }

  /** The response cannot be completed. `reset`: an end of the connection is how it was to end, so only a reset tells. */
  abort(reset: boolean): void {
    this.served = null
    // Valid as far as it goes; with it the client sees the status that the log has.
    this.out.flush()
    this.#forget()
    if (reset) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  /** Gives the socket away, what came early in front. `served` goes on hearing nothing. */
  detach(): Socket {
    const { socket } = this
    this.#state = is.detached
    this.deadline = Number.POSITIVE_INFINITY
    this.isPaused = false
    const rest = this.#inbox.take()
    socket.removeAllListeners('data').removeAllListeners('end')
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    return socket
  }

  late(): void {
    if (this.served !== null) return this.served.late()
    this.deadline = Number.POSITIVE_INFINITY
    if (this.#state === is.reading && this.#inbox.size > 0) this.#front.late(this)
    else this.socket.destroy()
  }

  #take(bytes: Buffer, size: number): boolean {
    if (this.#state === is.detached) return this.socket.push(Buffer.copyBytesFrom(bytes, 0, size))
    const inbox = this.#inbox
    if (this.#state === is.lingering) this.#drop(size)
    else if (this.#state !== is.gone) inbox.add(bytes, size, this.#state === is.reading ? this.#head : null)
    if (!this.isPaused) this.#advance()
    else if (inbox.isFull) this.socket.pause()
    // What is not done with outlives the call.
    if (this.#state !== is.reading) this.#head?.own(bytes)
    inbox.own(this.#state === is.reading ? this.#head : null)
    return true
  }

  /** Does what can be done with the bytes at hand. What it calls may end in `next`, so it goes on in a loop. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    const inbox = this.#inbox
    while (inbox.size > 0) {
      const before = this.#state
      if (before === is.busy && inbox.isFull) this.#pause()
      if (before === is.busy || !(before === is.reading ? this.#readHead() : this.#readBody())) break
    }
    this.#advancing = false
    if (this.#state === is.reading && inbox.size === 0) inbox.clear()
  }

  /** False when more bytes are needed. */
  #readHead(): boolean {
    const inbox = this.#inbox
    const isNew = this.#head === null
    const head = (this.#head ??= takeRequestHead())
    if (isNew) head.beginRequest(inbox.at)
    const step = parseHead(head, inbox.bytes, inbox.end)
    if (typeof step !== 'string') this.#front.malformed(this, step)
    else if (step === 'more' && isNew) this.deadline = this.#front.clock.now() + this.#front.timeouts.head
    if (step !== 'done') return false
    inbox.at = head.end
    this.#state = is.busy
    this.deadline = Number.POSITIVE_INFINITY
    this.#front.begin(this, head)
    return true
  }

  #readBody(): boolean {
    const inbox = this.#inbox
    const reader = this.#reader
    while (this.#state === is.inBody || this.#state === is.draining || this.#state === is.tunnelling) {
      const sink = this.#sink
      const step = reader.read(inbox.bytes, inbox.at, inbox.end)
      inbox.at = reader.at
      if (step === 'data') {
        const size = reader.end - reader.start
        this.received += size
        if (sink !== null) sink.bodyData(inbox.bytes, reader.start, reader.end)
        else this.#drop(size)
      } else if (step === 'more') {
        if (sink !== null && !sink.bodyFlush()) this.#pause()
        return false
      } else if (step === 'end') {
        this.#bodyEnded(sink)
        return true
      } else {
        this.#sink = null
        if (this.#state === is.inBody) this.#state = is.busy
        if (sink !== null) sink.bodyBroken(step)
        else this.close()
        return false
      }
    }
    return this.#state === is.reading
  }

  #bodyEnded(sink: BodySink | null): void {
    this.bodyRead = true
    this.#sink = null
    if (this.#state === is.draining) this.deadline = this.#front.clock.now() + this.#front.timeouts.keepAlive
    this.#state = this.#state === is.draining ? is.reading : is.busy
    sink?.bodyWhole()
  }

  #drop(size: number): void {
    this.#leftover -= size
    if (this.#leftover >= 0) return
    if (this.#state === is.draining) this.close()
    else this.socket.destroy()
  }

  /** Ends the exchange; whether the connection ends with it in any case. */
  #isOver(): boolean {
    this.#head = giveHead(this.#head)
    this.served = null
    this.#sink = null
    return this.#state >= is.lingering
  }

  #pause(): void {
    this.isPaused = true
    this.socket.pause()
  }

  #left(): void {
    if (this.#state === is.tunnelling) return this.#sink?.bodyWhole()
    const { served } = this
    this.served = null
    if (served !== null) served.left()
    if (this.#state === is.detached) return
    this.out.flush()
    // What it was sent last may still be on its way out.
    if (this.#state === is.lingering) this.socket.destroySoon()
    else this.socket.destroy()
  }

  #closed(): void {
    const { served } = this
    this.served = null
    if (this.#state !== is.detached) this.#forget()
    served?.left()
    this.#head = giveHead(this.#head)
    this.#inbox.close()
    this.#front.sweep.delete(this)
    this.#front.gone(this)
  }

  /** Nothing of what came is of use any more. */
  #forget(): void {
    this.#state = is.gone
    this.#sink = null
    this.#inbox.clear()
  }
}
