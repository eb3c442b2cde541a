import type { Socket } from 'node:net'

/**
 * What all sockets are read into: one read is dealt with, or copied, before the next begins. Without it Node makes a
 * buffer for each read, about a twentieth of all that a small request costs (measured).
 */
export const lent: Buffer = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * Takes bytes that are good for the time of the call. False to read no more for now; a socket that was paused
 * meanwhile stays so anyhow.
 */
export type Take = (bytes: Buffer, size: number) => boolean

/** What one socket reads into. */
export interface Into {
  next(): Buffer
}

/**
 * Has an accepted socket read into `lent`, and after each read into what is `next`. `net.connect` has `onread` for
 * that, `net.createServer` has nothing, so this does to the socket what that option does. The fields are Node's own affair (the same in 24 and 26): where they are
 * not as expected, what arrives comes as the stream's `data`, dearer and no different.
 */
export function readAccepted(socket: Socket, into: Into, take: Take): void {
  slots ??= slotsOf(socket)
  const handle: unknown = Reflect.get(socket, '_handle')
  // Bytes that came while nobody listened, before the gateway knew its routes, are with the stream already.
  if (slots === 'unknown' || !canLend(handle) || socket.readableLength > 0) {
    socket.on('data', (chunk: Buffer) => take(chunk, chunk.length) || socket.pause())
    return
  }
  Reflect.set(socket, slots.buffer, lent)
  Reflect.set(socket, slots.callback, (size: number, bytes: Buffer) => take(bytes, size))
  Reflect.set(socket, slots.next, () => into.next())
  handle.useUserBuffer(lent)
}

/** Where a socket keeps what `onread` gave it. */
interface Slots {
  readonly buffer: symbol
  readonly callback: symbol
  readonly next: symbol
}

let slots: Slots | 'unknown' | null = null

function slotsOf(socket: Socket): Slots | 'unknown' {
  const symbols = Object.getOwnPropertySymbols(socket)
  const [buffer, callback, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find(({ description }) => description === name),
  )
  if (buffer === undefined || callback === undefined || next === undefined) return 'unknown'
  const areEmpty = [buffer, callback, next].every((slot) => Reflect.get(socket, slot) === null)
  return areEmpty ? { buffer, callback, next } : 'unknown'
}

function canLend(handle: unknown): handle is { useUserBuffer(buffer: Buffer): void } {
  return handle instanceof Object && typeof Reflect.get(handle, 'useUserBuffer') === 'function'
}
