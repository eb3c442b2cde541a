import { run } from './folder.ts'

/** What the start of a bare Node takes on the machine that the figures in tests were made on, in milliseconds. */
const usual = 50

/**
 * How many times slower this machine is at the moment than that one, at least 1: a figure that a test states is
 * multiplied by it. Asked right behind what was measured, when whatever else runs here still does.
 */
export async function slowness(): Promise<number> {
  let slowest = 0
  // One that is lucky on a busy machine says nothing of what came before it.
  for (const _ of [1, 2, 3]) {
    const began = performance.now()
    await run(process.execPath, ['-e', '0'])
    slowest = Math.max(slowest, performance.now() - began)
  }
  return Math.max(1, slowest / usual)
}
