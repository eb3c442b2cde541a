import type { Socket } from 'node:net'

/** Of a handle of Node's; internal, the same in 24 and 26. Not `Socket.bytesWritten`, which counts what libuv still has. */
interface Counts {
  readonly bytesWritten: number
  readonly writeQueueSize: number
}

/**
 * How many bytes the kernel has taken of all that was written to a socket: it grows while one long write goes on. 0 where
 * Node does not tell, and then a write is progress only when it is over.
 */
export function takenFrom(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  return tells(handle) ? handle.bytesWritten - handle.writeQueueSize : 0
}

function tells(handle: unknown): handle is Counts {
  return (
    handle instanceof Object &&
    typeof Reflect.get(handle, 'bytesWritten') === 'number' &&
    typeof Reflect.get(handle, 'writeQueueSize') === 'number'
  )
}
