import type { Socket } from 'node:net'

/**
 * Where clients wait who come before the routes are known, for some milliseconds at the start: a connection that is refused
 * or a 404 would tell them that there is nothing.
 */
export class Lobby implements Disposable {
  readonly #enter: (socket: Socket) => void
  #waiting: Set<Socket> | null = new Set()

  constructor(enter: (socket: Socket) => void) {
    this.#enter = enter
  }

  /** Before it is open; sockets have to come paused then, because nobody reads who could keep what is read. */
  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  /** A socket of a server that was made while this waited comes paused, then and later. */
  admit(socket: Socket): void {
    if (this.#waiting === null) return this.#let(socket)
    this.#waiting.add(socket)
    // Nobody else listens yet, and an error that nobody hears would end the gateway.
    socket.on('error', ignore)
  }

  open(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    for (const socket of waiting) {
      if (!socket.destroyed) this.#let(socket)
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
