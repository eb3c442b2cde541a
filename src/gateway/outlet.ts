import type { Socket } from 'node:net'

import { CHUNK_SIZE_BOUND, writeChunkSize } from '../http/chunked.ts'
import type { Framing } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import {
  lastChunkBound,
  requestBound,
  type RequestOut,
  responseBound,
  type ResponseOut,
  writeLastChunk,
  writeRequest,
  writeResponse,
} from '../http/write-head.ts'

/** One read of a socket (64 KiB) and a head fit. */
const roomSize = 80 * 1024

/** Up to this size a piece is written past the stream: it nearly always fits into the kernel at once. */
const maxDirect = 16 * 1024
/** Up to this size a piece waits for the end of the turn: a small message, or the head of a large one. */
const maxWaiting = 4 * 1024
/** With fewer than this many a turn, on average, a piece does not wait: the end of a turn costs more than it saves. */
const fewest = 3
/** Of those that do not wait one in so many does all the same, to see how many there are now. A power of two. */
const lookEvery = 16

/** How a stream tells its `_write` that there is nothing to encode. */
const asBytes = 'buffer' as BufferEncoding

/** The one buffer messages are put together in. Whoever takes it leaves null; see `flush` for when it comes back. */
let spare: Buffer | null = null

/** Pieces that wait, one behind the other: small ones, so that copying them costs next to nothing. */
let tray: Buffer = Buffer.allocUnsafeSlow(64 * 1024)
let trayEnd = 0
let waiting: Outlet[] = []
/** How many waited at the end of a turn: a running average. */
let crowd: number = fewest
let alone = 0

/**
 * Hands over all that waits for the end of this turn of the event loop. With many clients a turn has bytes of several,
 * and to read all of them before anything is written costs about a tenth less (measured, 64 clients): whoever gets the
 * pieces is woken for the first and runs, mostly, until the last.
 */
export function handOver(): void {
  const all = waiting
  waiting = []
  crowd += (all.length - crowd) / 8
  for (const one of all) one.sendWaiting()
  if (waiting.length === 0) trayEnd = 0
}

/**
 * Where a message leaves on one socket: head, framing and data are gathered and leave in one write for each read on the
 * other side. What is chunked is framed anew; nothing received as framing comes this far.
 */
export class Outlet {
  readonly #socket: Socket
  #room: Buffer | null = null
  #at = 0
  #chunked = false
  /** Where the last head begins in the room, -1 when it was handed over. */
  #head = -1
  /** What waits for the end of the turn, in the tray. */
  #waiting: Buffer | null = null
  /** A piece that was written past the stream is not yet with the kernel. */
  #isUnderway = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  request(head: Head, how: RequestOut): void {
    const room = this.#reserve(requestBound(head, how))
    this.#at = writeRequest(room, this.#at, head, how)
    this.#chunked = how.framing.kind === 'chunked'
  }

  response(head: Head, how: ResponseOut): void {
    const room = this.#reserve(responseBound(head, how))
    this.#head = this.#at
    this.#at = writeResponse(room, this.#at, head, how)
    this.#chunked = how.framing.kind === 'chunked'
  }

  /** A head made elsewhere, one character a byte. */
  text(head: string, framing: Framing): void {
    const room = this.#reserve(head.length)
    this.#at += room.write(head, this.#at, 'latin1')
    this.#chunked = framing.kind === 'chunked'
  }

  /** Copied: the bytes are lent, and in one piece with what is around them they cost one system call. */
  data(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    if (size === 0) return
    const room = this.#reserve(size + CHUNK_SIZE_BOUND + 2)
    let at = this.#at
    if (this.#chunked) at = writeChunkSize(room, at, size)
    if (size < 64) for (let i = 0; i < size; i++) room[at + i] = bytes[start + i] as number
    else bytes.copy(room, at, start, end)
    at += size
    if (this.#chunked) {
      room[at++] = 0x0d
      room[at++] = 0x0a
    }
    this.#at = at
  }

  /** The end of the body. */
  last(trailers: Head | null): void {
    if (!this.#chunked) return
    const room = this.#reserve(lastChunkBound(trailers))
    this.#at = writeLastChunk(room, this.#at, trailers)
    this.#chunked = false
  }

  /** The same, with trailer lines made elsewhere. */
  lastWith(trailers: string): void {
    if (!this.#chunked) return
    const room = this.#reserve(trailers.length + 8)
    this.#at += room.write(`0\r\n${trailers}\r\n`, this.#at, 'latin1')
    this.#chunked = false
  }

  /** Takes back the last response, as long as nothing of it was handed over; what was gathered before it stays. */
  recall(): boolean {
    if (this.#head === -1) return false
    this.#at = this.#head
    this.#head = -1
    this.#chunked = false
    return true
  }

  /** Whether the kernel has all that was handed over. */
  get isEmpty(): boolean {
    return !this.#isUnderway && this.#socket.writableLength === 0
  }

  /** Whether something waits for the end of the turn, which nobody but `flush` should come before. */
  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  /** Calls when the kernel has all that was gathered; never if the socket is destroyed before, which its `close` tells. */
  emptied(then: () => void): void {
    this.flush()
    this.#socket.write('', () => {
      if (!this.#socket.destroyed) then()
    })
  }

  /**
   * As `flush`, but at the end of this turn of the event loop, if there are enough others that do the same. Only for what
   * the kernel is going to take at once: for who has read what came before, as whoever waits for just this message has.
   */
  flushSoon(): boolean {
    const room = this.#room
    const size = this.#at
    if (room === null || size > maxWaiting || this.isWaiting || !this.isEmpty) return this.flush()
    if (trayEnd + size > tray.length) return this.flush()
    if (waiting.length === 0) {
      if (crowd < fewest && (++alone & (lookEvery - 1)) !== 0) return this.flush()
      setImmediate(handOver)
    }
    waiting.push(this)
    room.copy(tray, trayEnd, 0, size)
    this.#waiting = tray.subarray(trayEnd, (trayEnd += size))
    this.#room = null
    this.#at = 0
    this.#head = -1
    if (room.length === roomSize) spare = room
    return true
  }

  /** For `handOver`, and for what must not come before what waits. */
  sendWaiting(): void {
    const piece = this.#waiting
    this.#waiting = null
    if (piece === null || this.#socket.destroyed) return
    this.#write(piece)
    // Until all of it is with the kernel it needs its memory, as the pieces behind it do.
    if (!this.isEmpty && piece.buffer === tray.buffer) tray = Buffer.allocUnsafeSlow(tray.length)
  }

  /** Hands over what was gathered. False when the socket has enough for now and will `drain`. */
  flush(): boolean {
    this.sendWaiting()
    const room = this.#room
    const socket = this.#socket
    if (room === null) return !socket.writableNeedDrain
    const piece = room.subarray(0, this.#at)
    this.#room = null
    this.#at = 0
    this.#head = -1
    // Writing keeps the memory until the kernel has all of it. With nothing queued before it that is nearly always at
    // once (measured: no queue after the write), and then the buffer is free for the next message.
    const queued = !this.isEmpty
    const more = queued ? socket.write(Buffer.from(piece)) : this.#write(piece)
    if (room.length === roomSize && (queued || this.isEmpty)) spare = room
    return more
  }

  /**
   * What `write` does before and after `_write` (a queue, a tick for who waits) is about a twentieth of all that a small
   * request costs (measured), and of no use for what is with the kernel at once. What is not, libuv sends before all
   * that follows.
   */
  #write(piece: Buffer): boolean {
    const socket = this.#socket
    if (piece.length > maxDirect || socket.connecting || !socket.writable) return socket.write(piece)
    this.#isUnderway = true
    socket._write(piece, asBytes, this.#written)
    return true
  }

  readonly #written = (error?: Error | null): void => {
    this.#isUnderway = false
    if (error) this.#socket.destroy(error)
  }

  #reserve(size: number): Buffer {
    if (this.#room !== null && this.#at + size > this.#room.length) this.flush()
    if (this.#room === null) {
      this.#at = 0
      if (size > roomSize) this.#room = Buffer.allocUnsafeSlow(size)
      else this.#room = spare ?? Buffer.allocUnsafeSlow(roomSize)
      if (this.#room === spare) spare = null
    }
    return this.#room
  }
}
