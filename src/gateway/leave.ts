import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { Connection } from './connection.ts'

/** How long a kept connection waits to be used once more: its client cannot know that it is about to be closed. */
const patience = 8_000
/** After this long (milliseconds) everything is over, unless somebody waits for an app: that is told 503 in time anyhow. */
const longest = 10_000

export interface LeaveOptions {
  /** Milliseconds. */
  readonly within?: number
  /** Whether somebody waits for an app, and is to have as long again for the answer. */
  readonly isHolding?: () => boolean
}

/**
 * Resolves when the last of these clients has been served and has gone. One that asks gets its answer and a close;
 * one that has not asked for long is closed.
 */
export async function emptied(
  connections: ReadonlySet<Connection>,
  { within = longest, isHolding = () => false }: LeaveOptions = {},
): Promise<void> {
  const begun = performance.now()
  let until = begun + within
  for (;;) {
    await delay(50)
    // Behind a turn of the loop, what had come while we were not running has been read.
    await turn()
    await turn()
    const now = performance.now()
    if (now - begun > patience) for (const connection of connections) if (connection.isIdle) connection.socket.destroy()
    if (isHolding()) until = now + within
    if (connections.size === 0 || now > until) return
  }
}
