/** An app that says nothing of its idle limit: a Node server's is 5 s, and we must be the ones who close. */
const usual = 4_000
const longest = 60_000

/**
 * For how many ms a connection to an app may be idle before it is used again, by what its last response said
 * (`Keep-Alive: timeout=`, -1 for nothing): a second less, or half of what is hardly more than one. Never longer than
 * what is `wanted`, which also says it for an app that says nothing.
 */
export function idleTimeOf(seconds: number, wanted: number | null): number {
  if (seconds === -1) return wanted ?? usual
  return Math.min(wanted ?? longest, seconds > 2 ? (seconds - 1) * 1_000 : seconds * 500)
}
