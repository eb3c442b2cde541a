import type { Socket } from 'node:net'

import type { Outlet } from './outlet.ts'

/**
 * What all connections together may hold beyond their own. Who is not read is not heard to leave: its FIN stands behind
 * all it has sent, which is what two kernels hold (on Linux up to 6 MiB and 4 MiB).
 */
let room = 64 * 1024 * 1024
const step = 4 * 1024 * 1024
const mostOfOne = 12 * 1024 * 1024

/** How much a connection that has borrowed `borrowed` bytes has afterwards. */
export function borrow(borrowed: number): number {
  if (borrowed >= mostOfOne || room < step) return borrowed
  room -= step
  return borrowed + step
}

export function giveBack(borrowed: number): void {
  room += borrowed
}

interface Held {
  readonly isFull: boolean
  extend(): void
}

/**
 * Whether a client whose bytes nobody takes has left: a write of nothing tells of a reset, and what it sent is held. Not
 * behind what the kernel has not taken: there one would wait behind the other, and what is underway tells as much.
 */
export function feel(socket: Socket, out: Pick<Outlet, 'isEmpty'>, held: Held): void {
  if (socket.writable && out.isEmpty) socket.write(nothing)
  if (held.isFull) held.extend()
  if (!held.isFull) socket.resume()
}

const nothing = Buffer.alloc(0)
