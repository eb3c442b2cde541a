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
import { isWide, keep, letGo, wideSize } from './wide.ts'

/** One read of a socket (64 KiB) and a head fit. */
const roomSize = 80 * 1024
/** Less than this is cheaper to copy than to write by itself. */
const minPassed = 16 * 1024
/** So many bytes may be behind a full kernel before no more are read for it. */
const maxBehind = 64 * 1024

/** Up to this size a piece waits for the end of the turn: a small message, or the head of a large one. */
const maxWaiting = 4 * 1024
/** With fewer than this many a turn, on average, a piece does not wait: the end of a turn costs more than it saves. */
const fewest = 3
/** Of those that do not wait one in so many does all the same, to see how many there are now. A power of two. */
const lookEvery = 16

/** How a stream tells its `_write` that there is nothing to encode. */
const asBytes = 'buffer' as BufferEncoding

/** What messages are put together in, for the next one: a new one for each costs page faults and full collections. */
const spare: Buffer[] = []
const maxSpare = 32

/** Pieces that wait, one behind the other: small ones, so that copying them costs next to nothing. */
let tray: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(64 * 1024)
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
  readonly #drained: () => void
  readonly #broken: (error: Error) => void
  #room: Buffer | null = null
  #at = 0
  #chunked = false
  /** Where the last head begins in the room, -1 when it was handed over. */
  #head = -1
  /** What waits for the end of the turn, in the tray. */
  #waiting: Uint8Array | null = null
  /** Size of the piece that was written past the stream and is not yet with the kernel. */
  #underway = 0
  /** What it lies in. */
  #memory: Uint8Array | null = null
  /** A write has failed; what is written from then on is dropped. */
  isBroken = false
  /** Whether a byte was handed over since the last request began, and not refused at once. */
  hasWritten = false

  /** `drained` follows a `flush` that was false, unless the socket goes or a write fails, which `broken` hears of. */
  constructor(
    socket: Socket,
    drained: () => void = () => {},
    broken: (error: Error) => void = (error) => void socket.destroy(error),
  ) {
    this.#socket = socket
    this.#drained = drained
    this.#broken = broken
  }

  request(head: Head, how: RequestOut): void {
    const room = this.#reserve(requestBound(head, how))
    this.#at = writeRequest(room, this.#at, head, how)
    this.hasWritten = false
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
    if (size >= minPassed && !this.#chunked && isWide(bytes) && this.#pass(bytes, start, end)) return
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
    return this.#underway === 0 && this.#socket.writableLength === 0
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
    // Not `subarray`, which asks in C++ for the memory it has here.
    this.#waiting = new Uint8Array(tray.buffer, trayEnd, size)
    trayEnd += size
    this.#room = null
    this.#at = 0
    this.#head = -1
    free(room)
    return true
  }

  /** For `handOver`, and for what must not come before what waits. */
  sendWaiting(): void {
    const piece = this.#waiting
    this.#waiting = null
    if (piece === null) return
    this.#write(piece, piece)
    // Until all of it is with the kernel it needs its memory, as the pieces behind it do.
    if (this.#memory === piece && piece.buffer === tray.buffer) tray = Buffer.allocUnsafeSlow(tray.length)
  }

  /** Hands over what was gathered. False when enough waits for the kernel; `drained` follows. */
  flush(): boolean {
    this.sendWaiting()
    const room = this.#room
    if (room === null) return this.#takesMore
    const piece = room.subarray(0, this.#at)
    this.#room = null
    this.#at = 0
    this.#head = -1
    return this.#write(piece, room)
  }

  /** Whether it took the bytes as they are: then the socket that read them goes on with others until they are written. */
  #pass(bytes: Buffer, start: number, end: number): boolean {
    this.flush()
    if (!this.#isDirect) return this.isBroken
    this.#write(bytes.subarray(start, end), bytes)
    return true
  }

  get #takesMore(): boolean {
    return !this.isBroken && this.#underway + this.#socket.writableLength < maxBehind
  }

  /** Whether a write goes to the kernel as it is made. */
  get #isDirect(): boolean {
    return this.isEmpty && !this.#socket.connecting && this.#socket.writable
  }

  /**
   * What `write` does before and after `_write` (a queue, a tick for who waits) is about a twentieth of all that a small
   * request costs (measured), and of no use for what is with the kernel at once. What is not, libuv sends before all
   * that follows. And what fails there is ours to judge: a stream would be closed with all there is to read from it.
   */
  #write(piece: Uint8Array, memory: Uint8Array): boolean {
    if (this.isBroken || this.#socket.destroyed) return false
    if (!this.#isDirect) {
      this.hasWritten = true
      this.#socket.write(Buffer.from(piece), this.#settled)
      free(memory)
      return this.#takesMore
    }
    this.#underway = piece.length
    this.#socket._write(piece, asBytes, this.#written)
    if (!this.isBroken) this.hasWritten = true
    if (this.#underway === 0) {
      free(memory)
      return !this.isBroken
    }
    this.#memory = memory
    keep(memory as Buffer)
    return this.#takesMore
  }

  /** At once, with nothing to note, or later. */
  readonly #written = (error?: Error | null): void => {
    const memory = this.#memory
    this.#underway = 0
    this.#memory = null
    if (memory !== null) free(memory)
    if (error) {
      this.isBroken = true
      this.#broken(error)
    } else if (memory !== null && this.isEmpty) this.#drained()
  }

  readonly #settled = (error?: Error | null): void => {
    if (!error && this.isEmpty) this.#drained()
  }

  #reserve(size: number): Buffer {
    if (this.#room !== null && this.#at + size > this.#room.length) this.flush()
    if (this.#room === null) {
      this.#at = 0
      if (size > roomSize) this.#room = Buffer.allocUnsafeSlow(size)
      else this.#room = spare.pop() ?? Buffer.allocUnsafeSlow(roomSize)
    }
    return this.#room
  }
}

function free(memory: Uint8Array): void {
  if (memory.length === wideSize) letGo(memory as Buffer)
  else if (memory.length === roomSize && spare.length < maxSpare) spare.push(memory as Buffer)
}
