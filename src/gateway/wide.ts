import { lent } from './lent.ts'

/** A read and a write for so many bytes: a MB costs a third less than with 128 KiB, and little more than with 512 (measured). */
export const wideSize: number = 256 * 1024
/** All sockets of a thread together have no more of them. Who finds none goes on with the lent buffer. */
const most = 32
/** For less it is not worth it. */
const fewest = 128 * 1024

const all = new Set<Buffer>()
const free: Buffer[] = []
/** What a socket reads into, and what a write still needs: free is what is neither, whichever ends last. */
const read = new Set<Buffer>()
const kept = new Set<Buffer>()

/**
 * What one socket reads into: the lent buffer, and as long as a long body fills it, a wide one, out of which it is
 * written without a copy. Who sends slowly does not hold one.
 */
export class Basin {
  bytes: Buffer = lent
  /** How much the last read brought. */
  size = 0

  /** Where the next read goes. `left`: so many bytes of a body are known to come, and somebody takes them. */
  next(left: number): Buffer {
    const { bytes, size } = this
    if (bytes === lent && (size < lent.length || left < fewest)) return lent
    if (bytes !== lent) this.close()
    if (size >= lent.length && left >= lent.length) this.bytes = take()
    return this.bytes
  }

  /** Gives the wide one back. */
  close(): void {
    if (read.delete(this.bytes) && !kept.has(this.bytes)) free.push(this.bytes)
    this.bytes = lent
  }
}

function take(): Buffer {
  if (free.length === 0 && all.size === most) return lent
  const bytes = free.pop() ?? Buffer.allocUnsafeSlow(wideSize)
  all.add(bytes)
  read.add(bytes)
  return bytes
}

/** Whether these bytes can be written as they are; others are lent, or their owner's to change. */
export function isWide(bytes: Buffer): boolean {
  return bytes.length === wideSize && all.has(bytes)
}

/** A write needs the bytes for longer than the call: if they are wide, the socket that read them goes on with others. */
export function keep(bytes: Buffer): void {
  if (isWide(bytes)) kept.add(bytes)
}

export function letGo(bytes: Buffer): void {
  if (kept.delete(bytes) && !read.has(bytes)) free.push(bytes)
}
