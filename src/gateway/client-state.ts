/** What a connection of a client is at. From `lingering` on no more requests are served on it. */

export const reading = 0
export const busy = 1
export const inBody = 2
/** The rest of a body that nobody wants. */
export const draining = 3
export const lingering = 4
export const tunnelling = 5
export const detached = 6
export const gone = 7

/** After our last response: how long, and how much, is still read so that the client sees it instead of a reset. */
export const lingerTime: number = 2_000
export const maxLeftover: number = 1024 * 1024
