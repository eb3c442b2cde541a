/** The first look at a starting instance, and the slowest pace of looking: a fast app is ready within milliseconds. */
export const firstLook = 5
const slowestLook = 250

/** Until the next look at an instance of this age: what a look comes too late is a gap in its service, so a 64th of it. */
export function paceOf(age: number): number {
  return Math.min(slowestLook, Math.max(firstLook, age / 64))
}
