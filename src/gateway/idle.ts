/** An app that says nothing of its idle limit: a Node server's is 5 s, and we must be the ones who close. */
const usual = 4_000
const longest = 60_000

/**
 * For how many ms a connection to an app may be idle before it is used again, by what its last response said
 * (`Keep-Alive: timeout=`, -1 for nothing): a second less, or half of what is hardly more than one.
 */
export function idleTimeOf(seconds: number): number {
  if (seconds === -1) return usual
  return Math.min(longest, seconds > 2 ? (seconds - 1) * 1_000 : seconds * 500)
}
