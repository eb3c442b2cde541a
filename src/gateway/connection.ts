import type { Socket } from 'node:net'

import { BodyReader } from '../http/body.ts'
import { CLOSE, type Framing } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import { parseHead } from '../http/parse-head.ts'
import { plainAddress } from './address.ts'
import { giveHead, takeRequestHead } from './heads.ts'
import { Inbox } from './inbox.ts'
import { Outlet } from './outlet.ts'
import type { BodySink, Front, Served } from './served.ts'
import type { Waiting } from './sweep.ts'

/** After our last response: how long, and how much, is still read so that the client sees it instead of a reset. */
const lingerTime = 2_000
const maxLeftover = 1024 * 1024
/** Bytes that may come ahead of their turn: pipelined requests, a body nobody reads yet, early bytes of a tunnel. */
const maxAhead = 64 * 1024

const reading = 0
const busy = 1
const inBody = 2
const draining = 3
const lingering = 4
const tunnelling = 5
const detached = 6
const gone = 7

/**
 * One client's socket: reads one request after the other, strictly in order, and serves one at a time. Bytes that come
 * early wait, within a bound; beyond it they are left to the kernel. A client that closes its side while it is served
 * has left (as with nginx, Go and Node): only the FIN tells of a closed browser tab.
 */
export class Connection implements Waiting {
  readonly socket: Socket
  readonly out: Outlet
  readonly address: string
  deadline: number
  served: Served | null = null
  /** Whether the request's body was read to its end. */
  bodyRead = true
  /** Whether no more is read for now, because nobody takes it. */
  isPaused = false
  /** Body bytes read so far, of the request that is served. */
  received = 0
  /** What was last rewritten for this client, see `outgoing.ts`: most requests on a connection are alike. */
  lastAuthority = ''
  lastHost = ''
  lastKey = ''
  lastLines = ''
  readonly #front: Front<Connection>
  readonly #inbox = new Inbox()
  readonly #reader = new BodyReader()
  #head: Head | null = null
  #sink: BodySink | null = null
  #state = reading
  #advancing = false
  #leftover = 0

  constructor(socket: Socket, front: Front<Connection>) {
    this.socket = socket
    this.out = new Outlet(socket)
    this.address = plainAddress(socket.remoteAddress)
    this.#front = front
    this.deadline = front.clock.now() + front.timeouts.head
    front.sweep.add(this)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('drain', () => this.served?.drained())
    socket.on('end', () => this.#left())
    socket.on('error', () => this.socket.destroy())
    socket.once('close', () => this.#closed())
  }

  /** Nothing of a request is there. */
  get isIdle(): boolean {
    return this.#state === reading && this.#inbox.size === 0
  }

  /** Bytes that wait to be read. */
  get ahead(): number {
    return this.#inbox.size
  }

  /** How the body of the request just begun is framed. */
  expectBody(framing: Framing): void {
    this.#reader.begin(framing, 'request')
    this.bodyRead = framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0)
    this.received = 0
  }

  /** Reads the body; the sink hears of what is there already before this returns. */
  readBody(sink: BodySink): void {
    if (this.bodyRead) return sink.bodyWhole()
    this.#sink = sink
    this.#state = inBody
    this.resume()
    this.#advance()
  }

  /** From here on all bytes are the sink's, and the client's FIN is no leaving: a tunnel. */
  readAll(sink: BodySink): void {
    this.#dropHead()
    this.#sink = sink
    this.#state = tunnelling
    this.#reader.begin(CLOSE, 'request')
    this.resume()
    this.#advance()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.socket.resume()
  }

  /** The body is of no use any more; what is left of it is dropped when the response is out. */
  stopBody(): void {
    this.#sink = null
    if (this.#state === inBody) this.#state = busy
  }

  /** The response is out. The next request, if this one is read to its end or nearly so. */
  next(): void {
    if (this.#isOver()) return
    if (this.bodyRead) {
      this.#state = reading
      const { head, keepAlive } = this.#front.timeouts
      this.deadline = this.#front.clock.now() + (this.#inbox.size > 0 ? head : keepAlive)
    } else {
      this.#state = draining
      this.#leftover = maxLeftover
      this.deadline = this.#front.clock.now() + lingerTime
    }
    this.resume()
    this.#advance()
  }

  /** The last response is out: FIN, and what the client still sends is read for a moment, lest a reset overtake it. */
  close(): void {
    if (this.#isOver()) return
    this.#state = lingering
    this.#leftover = maxLeftover
    this.deadline = this.#front.clock.now() + lingerTime
    this.#inbox.clear()
    this.socket.end()
    this.resume()
  }

  /** The response cannot be completed. `reset`: an end of the connection is how it was to end, so only a reset tells. */
  abort(reset: boolean): void {
    this.served = null
    // Valid as far as it goes; with it the client sees the status that the log has.
    this.out.flush()
    if (reset) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  /** Gives the socket away, what came early in front. `served` goes on hearing nothing. */
  detach(): Socket {
    const { socket } = this
    this.#state = detached
    this.deadline = Number.POSITIVE_INFINITY
    const rest = this.#inbox.take()
    socket.removeAllListeners('data').removeAllListeners('drain').removeAllListeners('end')
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    return socket
  }

  late(now: number): void {
    if (this.served !== null) return this.served.late(now)
    this.deadline = Number.POSITIVE_INFINITY
    if (this.#state === reading && this.#inbox.size > 0) this.#front.late(this)
    else this.socket.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#state === lingering) return this.#drop(chunk.length)
    this.#inbox.add(chunk, chunk.length, this.#state === reading ? this.#head : null)
    this.#advance()
  }

  /** Does what can be done with the bytes at hand. What it calls may end in `next`, so it goes on in a loop. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    const inbox = this.#inbox
    while (inbox.size > 0) {
      const before = this.#state
      if (before === busy && inbox.size > maxAhead) this.#pause()
      if (before === busy || !(before === reading ? this.#readHead() : this.#readBody())) break
    }
    this.#advancing = false
    if (this.#state === reading && inbox.size === 0) inbox.clear()
  }

  /** False when more bytes are needed. */
  #readHead(): boolean {
    const inbox = this.#inbox
    if (this.#head === null) {
      this.#head = takeRequestHead()
      this.#head.beginRequest(inbox.at)
      this.deadline = this.#front.clock.now() + this.#front.timeouts.head
    }
    const head = this.#head
    const step = parseHead(head, inbox.bytes, inbox.end)
    if (step === 'more') return false
    if (step !== 'done') this.#front.malformed(this, step)
    if (step !== 'done') return false
    inbox.at = head.end
    this.#state = busy
    this.deadline = Number.POSITIVE_INFINITY
    this.#front.begin(this, head)
    return true
  }

  #readBody(): boolean {
    const inbox = this.#inbox
    const reader = this.#reader
    while (this.#state === inBody || this.#state === draining || this.#state === tunnelling) {
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
        if (this.#state === inBody) this.#state = busy
        if (sink !== null) sink.bodyBroken(step)
        else this.close()
        return false
      }
    }
    return this.#state === reading
  }

  #bodyEnded(sink: BodySink | null): void {
    this.bodyRead = true
    this.#sink = null
    if (this.#state === draining) this.deadline = this.#front.clock.now() + this.#front.timeouts.keepAlive
    this.#state = this.#state === draining ? reading : busy
    sink?.bodyWhole()
  }

  #drop(size: number): void {
    this.#leftover -= size
    if (this.#leftover >= 0) return
    if (this.#state === draining) this.close()
    else this.socket.destroy()
  }

  /** Ends the exchange; whether the connection ends with it in any case. */
  #isOver(): boolean {
    this.#dropHead()
    this.served = null
    this.#sink = null
    return this.#state >= lingering
  }

  #pause(): void {
    this.isPaused = true
    this.socket.pause()
  }

  #left(): void {
    if (this.#state === tunnelling) return this.#sink?.bodyWhole()
    const { served } = this
    this.served = null
    if (served !== null) served.left()
    if (this.#state === detached) return
    // What it was sent last may still be on its way out.
    if (this.#state === lingering) this.socket.destroySoon()
    else this.socket.destroy()
  }

  #closed(): void {
    const { served } = this
    this.served = null
    if (this.#state !== detached) this.#state = gone
    served?.left()
    this.#dropHead()
    this.#front.sweep.delete(this)
    this.#front.gone(this)
  }

  #dropHead(): void {
    if (this.#head !== null) giveHead(this.#head)
    this.#head = null
  }
}
