import { run } from './folder.ts'

/** What the start of a bare Node takes on the machine that the figures in tests were made on, in milliseconds. */
const usual = 50

/**
 * How many times slower this machine is at the moment than that one, at least 1: a figure that a test states is
 * multiplied by it. Asked right behind what was measured, when whatever else runs here still does.
 */
export async function slowness(): Promise<number> {
  const began = performance.now()
  await run(process.execPath, ['-e', '0'])
  return Math.max(1, (performance.now() - began) / usual)
}
