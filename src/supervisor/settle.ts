/**
 * Whether what is written into `apps/` has come to rest. A pure decision over what was seen and when: the caller looks
 * and waits. All times are milliseconds on a monotonic clock.
 */
export interface Settling {
  /** Everything that changes when the file does: device, inode, size, times, mode. */
  readonly print: string
  /** When `print` was first seen. */
  readonly changedAt: number
  /** The longest pause between two changes of this burst. */
  readonly longestGap: number
}

/** A file that was never seen moving needs this much quiet. */
export const quietBase = 100

/** A slow writer has paused before and will again, but nobody waits longer than this for the next word. */
const quietMax = 3_000

/** A pause as long as those before is part of the burst; three times as long is the end of it. */
const patience = 3

export function observe(before: Settling | null, print: string, now: number): Settling {
  if (before === null) return { print, changedAt: now, longestGap: 0 }
  if (before.print === print) return before
  return { print, changedAt: now, longestGap: Math.max(before.longestGap, now - before.changedAt) }
}

/** When it will be at rest if nothing changes until then. `base` is the least quiet that counts. */
export function restsAt(settling: Settling, base: number = quietBase): number {
  return settling.changedAt + Math.max(base, Math.min(quietMax, settling.longestGap * patience))
}
