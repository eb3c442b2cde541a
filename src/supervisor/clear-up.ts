import { setTimeout as delay } from 'node:timers/promises'
import { isBlind } from './process-table.ts'
import type { ProcessTree } from './process-tree.ts'

/** Between two looks at a tree that is to end (milliseconds). */
export const look = 25
/** After a crash: how long its end may be kept back until the rest of its tree is gone (milliseconds). */
const crashPatience = 200
/** SIGKILL that shows no effect for this long (milliseconds) never will: the process waits for a device. */
export const unkillable = 15_000

/** The root died by itself: nothing that it left may keep its port, and its end is news that cannot wait. */
export async function clearUp(tree: Pick<ProcessTree, 'kill'>, giveUp: () => void): Promise<void> {
  const begun = performance.now()
  while ((await tree.kill()).length > 0) {
    if (performance.now() - begun > crashPatience) return void killOn(tree, giveUp)
    await delay(look)
  }
}

/** The end has been reported; what is left of the crash is still hunted down, for a bounded time. */
async function killOn(tree: Pick<ProcessTree, 'kill'>, giveUp: () => void): Promise<void> {
  let begun = performance.now()
  while ((await tree.kill()).length > 0) {
    // While nobody can be looked at nobody is signalled either.
    if (isBlind()) begun = performance.now()
    if (performance.now() - begun > unkillable) return giveUp()
    await delay(look * 4)
  }
}
