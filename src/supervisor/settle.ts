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

/** Quiet that a file needs that was never seen moving. */
export const quietBase = 100

/** Folders are filled by many small writes, and only some of them are seen. */
const folderQuiet = 250

/** Quiet where nobody can say whether a file is still open for writing. */
const blindQuiet = 1_000

/** Quiet after which an empty or cut-off file is believed to be meant so. */
export const unfinishedQuiet = 1_000

/** How long a deleted file may take to come back: linkers and editors delete and create what they write. */
export const lingering = 500

/** What was last changed so long before the gateway started is not being written. */
export const oldAge = 2_000

/** Between two looks at an entry that keeps changing. */
export const pace = 20

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

/** The least quiet that counts. */
export function leastQuiet(isFolder: boolean, canTellWriters: boolean): number {
  if (!canTellWriters) return blindQuiet
  return isFolder ? folderQuiet : quietBase
}

/** Until a writer that was seen `times` times is looked for again. */
export function writerPause(times: number): number {
  return Math.min(500, 50 * 2 ** times)
}
