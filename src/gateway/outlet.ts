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
/** How a stream tells its `_write` that there is nothing to encode. */
const asBytes = 'buffer' as BufferEncoding

/** The one buffer messages are put together in. Whoever takes it leaves null; see `flush` for when it comes back. */
let spare: Buffer | null = null

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

  /** Calls when the kernel has all that was handed over; never if the socket is destroyed before, which its `close` tells. */
  emptied(then: () => void): void {
    this.#socket.write('', () => {
      if (!this.#socket.destroyed) then()
    })
  }

  /** Hands over what was gathered. False when the socket has enough for now and will `drain`. */
  flush(): boolean {
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
