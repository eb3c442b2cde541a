import { appendFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from '../admin/request.ts'
import { abandon } from '../main/abandon.ts'
import { reportFile } from '../supervisor/guardian.ts'
import { hasRoll } from '../supervisor/roll.ts'

/**
 * What becomes of a guardian whose gateway has died: waits for another gateway, and if none comes within `grace` ms ends
 * what the dead one left. Not for people: the gateway starts it.
 */
export async function runGuard(stateDir: string, grace: number): Promise<number> {
  const until = performance.now() + grace
  do {
    // Whoever answers on the control socket is a gateway, and goes on with the apps. Who does not may be one all the same:
    // that is for the lock to say, at the end.
    if (!hasRoll(stateDir) || (await isAnswering(stateDir))) return 0
    await pause(Math.max(0, Math.min(look, until - performance.now())))
  } while (performance.now() < until)
  const told: string[] = []
  const ended = await abandon(stateDir, (_, message) => told.push(message))
  if (ended.length === 0) return 0
  const after = 'The gateway died and none came in time'
  const lines = told.map((message) => `${new Date().toISOString()} ${after}: ${message}\n`)
  await appendFile(reportFile(stateDir), lines.join(''), { mode: 0o600 })
  return 0
}

/** Between two looks for another gateway (milliseconds). */
const look = 250

async function isAnswering(stateDir: string): Promise<boolean> {
  return request(stateDir, 'GET', '/version', { timeout: 1_000 }).then(
    () => true,
    () => false,
  )
}
