/** Time as an argument: everything that waits or measures takes a Clock, so that no decision reads one by itself. */
export interface Clock {
  /** Milliseconds, monotonic (CLOCK_MONOTONIC): never jumps when the wall clock is set or the machine sleeps. */
  now(): number
  /** Milliseconds since the epoch, only to be shown to people. */
  wall(): number
}

/** `process.hrtime`, not `performance.now`: the latter starts anew in every worker thread. */
export const systemClock: Clock = {
  now: () => {
    const [seconds, nanoseconds] = hrtime()
    return seconds * 1e3 + nanoseconds / 1e6
  },
  wall: () => Date.now(),
}

/** `process` is an accessor of the global object: asked for at each look, it costs as much as the look. */
const { hrtime } = process
