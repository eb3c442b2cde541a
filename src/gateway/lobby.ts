import type { Socket } from 'node:net'

import type { Room } from './room.ts'

/**
 * Where clients wait who come before the routes are known, for some milliseconds at the start: a connection that is refused
 * or a 404 would tell them that there is nothing. There is no more room for them than for others.
 */
export class Lobby implements Disposable {
  readonly #room: Room
  readonly #enter: (socket: Socket) => void
  #waiting: Set<Socket> | null = new Set()

  /** Whoever enters takes its room along. */
  constructor(room: Room, enter: (socket: Socket) => void) {
    this.#room = room
    this.#enter = enter
  }

  /** Before it is open; sockets have to come paused then, because nobody reads who could keep what is read. */
  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  /** A socket of a server that was made while this waited comes paused, then and later. */
  admit(socket: Socket): void {
    if (!this.#room.take()) return void socket.destroy()
    if (this.#waiting === null) return this.#let(socket)
    this.#waiting.add(socket)
    // Nobody else listens yet, and an error that nobody hears would end the gateway.
    socket.on('error', ignore)
  }

  open(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    for (const socket of waiting) {
      if (socket.destroyed) {
        this.#room.give()
        continue
      }
      this.#let(socket)
      socket.off('error', ignore)
    }
  }

  #let(socket: Socket): void {
    this.#enter(socket)
    if (socket.isPaused()) socket.resume()
  }

  [Symbol.dispose](): void {
    for (const socket of this.#waiting ?? []) socket.destroy()
  }
}

function ignore(): void {
  // The client has left before it was served.
}
