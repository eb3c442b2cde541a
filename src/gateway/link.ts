import { connect, type Socket } from 'node:net'
import { BodyReader } from '../http/body.ts'
import { keepAliveSeconds, persists, readConnection } from '../http/fields.ts'
import { isInterim, responseFraming } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import { parseHead } from '../http/parse-head.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Address } from '../model/protocol.ts'
import { giveHead, takeResponseHead } from './heads.ts'
import { Inbox } from './inbox.ts'
import type { LinkOwner, LinkUser } from './link-user.ts'
import { Outlet } from './outlet.ts'

/** Interim responses to one request. Two are usual; an app that sends them for ever would never be late. */
export const maxInterim = 64

const idle = 0
const awaiting = 1
const answering = 2
const ended = 3
const tunnelling = 4

/**
 * One connection to an instance: reads its responses strictly and decides whether it can be used again. Whatever leaves
 * a doubt about where the next response begins ends it.
 */
export class Link {
  readonly socket: Socket
  readonly out: Outlet
  /** Exchanges it has begun; above 1 it may be stale. */
  used = 0
  /** While idle: for how long, and until when, it may be used again. */
  idleTime = 0
  idleUntil = 0
  user: LinkUser<Link> | null = null
  readonly #owner: LinkOwner<Link>
  readonly #reader = new BodyReader()
  readonly #inbox = new Inbox(this.#reader)
  #state = idle
  #head: Head | null = null
  #method = 0
  #interims = 0
  #silent = true
  /** Whether the whole request is written. */
  #sent = false
  #persists = false

  constructor({ host, port, path }: Address, owner: LinkOwner<Link>) {
    const socket = connect({
      ...(path === undefined ? { host, port } : { path }),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      allowHalfOpen: true,
      onread: { buffer: () => this.#inbox.next(), callback: (size) => this.#heard(size) },
    })
    this.socket = socket
    this.out = new Outlet(
      socket,
      () => this.#safely(() => this.user?.drained()),
      (error) => this.#safely(() => this.#unwritable(error)),
    )
    this.#owner = owner
    socket.once('connect', () => this.#safely(() => owner.opened(this)))
    socket.on('end', () => this.#safely(() => this.#finished()))
    socket.on('error', (error: Error) => this.#safely(() => this.#broke(error)))
    socket.once('close', () => this.#safely(() => this.#closed()))
  }

  /** Whether not one byte of a response has come, but a 100. */
  get silent(): boolean {
    return this.#silent
  }

  /** Begins an exchange; `method` decides how its response is framed. */
  begin(user: LinkUser<Link>, method: number): void {
    this.user = user
    this.used += 1
    this.#state = awaiting
    this.#method = method
    this.#interims = 0
    this.#silent = true
    this.#sent = false
  }

  /** The request is written to its last byte. */
  sent(): void {
    this.#sent = true
    if (this.#state === ended) this.#release()
  }

  /** Ends it without telling its user. */
  destroy(): void {
    if (this.user !== null && this.#state !== ended) this.#owner.done()
    this.user = null
    this.#head = giveHead(this.#head)
    this.socket.destroy()
  }

  /** As `#safely`, for what happens all the time. */
  #heard(size: number): boolean {
    const { user } = this
    try {
      return this.#read(size)
    } catch (error) {
      this.destroy()
      user?.failed(error)
      return false
    }
  }

  /** A mistake of ours ends the request that it was met in, never the process. */
  #safely(act: () => void): void {
    const { user } = this
    try {
      act()
    } catch (error) {
      this.destroy()
      user?.failed(error)
    }
  }

  /** False to read no more for now. */
  #read(size: number): boolean {
    // RFC 9112 §11.1: what comes unasked, or behind a response, would be the answer to somebody else's request.
    if (this.user === null || this.#state === ended) {
      // Whoever uses it has its response, and is told that there is nothing more to wait for.
      this.abandon()
      return false
    }
    this.#silent = false
    this.#owner.reads += 1
    this.#inbox.add(this.#inbox.into, size, this.#head)
    if (this.#state === awaiting) this.#readHead()
    if (this.#state === answering) this.#readBody()
    else if (this.#state === tunnelling) this.#pass()
    const more = this.user?.flush() ?? true
    if (this.#state === ended && this.#sent) this.#release()
    else this.#inbox.own(this.#head)
    return more || (this.#state !== answering && this.#state !== tunnelling)
  }

  #pass(): void {
    const inbox = this.#inbox
    if (inbox.size > 0) this.user?.data(inbox.bytes, inbox.at, inbox.end)
    inbox.at = inbox.end
  }

  /** Whether a final head was read. */
  #readHead(): boolean {
    const inbox = this.#inbox
    for (;;) {
      if (this.#head === null) {
        this.#head = takeResponseHead()
        this.#head.beginResponse(inbox.at)
      }
      const head = this.#head
      const step = parseHead(head, inbox.bytes, inbox.end)
      if (step === 'more') return false
      if (step !== 'done') return this.#refuse(step.detail)
      inbox.at = head.end
      const options = readConnection(head)
      if (options === -1) return this.#refuse('Its Connection field is no list of tokens.')
      if (head.status === 101) return this.#switch(head)
      if (!isInterim(head.status)) return this.#begin(head, options)
      if (++this.#interims > maxInterim) return this.#refuse(`More than ${maxInterim} interim responses.`)
      this.user?.interim(head)
      // What only asks for the body is no answer: who is asked next may give it.
      if (head.status === 100 && inbox.size === 0) this.#silent = true
      // The next head begins where the next bytes will be.
      this.#head = giveHead(this.#head)
      if (this.user === null || inbox.size === 0) return false
    }
  }

  #begin(head: Head, options: number): boolean {
    const framing = responseFraming(head, this.#method)
    if (framing.kind === 'refusal') return this.#refuse(framing.detail)
    this.#persists = framing.kind !== 'close' && persists(head, options)
    this.idleTime = this.#owner.idleTime(keepAliveSeconds(head))
    this.#state = answering
    this.#reader.begin(framing, 'response')
    this.user?.responded(head, framing)
    return this.user !== null
  }

  #readBody(): void {
    const inbox = this.#inbox
    const reader = this.#reader
    for (;;) {
      const step = reader.read(inbox.bytes, inbox.at, inbox.end)
      inbox.at = reader.at
      if (step === 'data') this.user?.data(inbox.bytes, reader.start, reader.end)
      else if (step === 'more') return
      else if (step === 'end') return this.#end()
      else return this.#lose('truncated-response', `The app's response is not valid HTTP: ${step.detail}`)
      if (this.user === null) return
    }
  }

  #end(): void {
    if (this.#inbox.size > 0) this.#persists = false
    this.#state = ended
    // Before a byte of it leaves: its client may ask again, at another thread, while this one has not come further.
    if (this.user !== null) this.#owner.done()
    this.user?.whole(this.#reader.trailers)
  }

  #release(): void {
    const { user } = this
    this.user = null
    this.#inbox.clear()
    this.#head = giveHead(this.#head)
    // An app may have closed behind a response that came before the end of its request was sent.
    if (this.#persists && this.#sent && this.idleTime > 0 && this.#isWritable) {
      this.#state = idle
      this.idleUntil = this.#owner.clock.now() + this.idleTime
      this.#owner.freed(this)
    } else {
      this.socket.destroy()
    }
    user?.released()
  }

  /** Whether all that was written is with the kernel, and more may follow. */
  get #isWritable(): boolean {
    return this.socket.writable && this.out.isEmpty && !this.out.isBroken
  }

  /** What the app said before it closed is there to be read (RFC 9112 §9.3), and reading tells of its end. */
  #unwritable(error: Error): void {
    const isClosed = 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET')
    if (!isClosed || this.#state === tunnelling) this.socket.destroy(error)
  }

  /** The exchange has its response and what is left of its request is not wanted. */
  abandon(): void {
    this.#persists = false
    if (this.#state === ended) this.#release()
    else this.destroy()
  }

  #switch(head: Head): boolean {
    if (this.user?.switched(head) === true) {
      this.#state = tunnelling
      this.#head = giveHead(this.#head)
      return false
    }
    return this.#refuse('It switched to a protocol that was not asked for.')
  }

  #refuse(detail: string): boolean {
    this.#lose('bad-response', `The app's response is not valid HTTP: ${detail}`)
    return false
  }

  #finished(): void {
    if (this.#state === tunnelling) return this.user?.finished()
    if (this.#state === answering && this.#reader.endsWithConnection) {
      this.#end()
      this.user?.flush()
      if (this.#sent) this.#release()
      return
    }
    this.#broke(null)
    this.socket.destroy()
  }

  #broke(error: Error | null): void {
    // A complete response stays good whatever its connection says afterwards (RFC 9112 §9.6).
    if (this.user === null || this.#state === ended) return
    if (this.#state === tunnelling) return this.#lose('truncated-response', 'The app closed the tunnel.')
    if (this.#state === idle && error !== null && 'code' in error && error.code === 'EAGAIN')
      return this.#owner.crowded(this)
    if (this.socket.connecting || this.#state === idle)
      return this.#lose('unreachable', `No connection: ${error?.message ?? 'closed'}.`)
    if (this.#state === answering)
      return this.#lose('truncated-response', 'The app closed in the middle of its response.')
    if (this.#inbox.size > 0) return this.#lose('bad-response', 'The app closed in the middle of its response head.')
    if (!this.out.hasWritten) return this.#lose('unreachable', 'The app closed the connection before a byte was sent.')
    this.#lose('connection-lost', 'The app closed the connection without a response.')
  }

  #lose(code: ErrorCode, detail: string): void {
    const { user } = this
    this.destroy()
    user?.lost(code, detail, this.#silent)
  }

  #closed(): void {
    this.#broke(null)
    this.#inbox.close()
    this.#head = giveHead(this.#head)
    this.#owner.closed(this)
    // The response was whole and only the request was not: there is nobody to send the rest to.
    const { user } = this
    this.user = null
    if (this.#state === ended) user?.released()
  }
}
