import { setTimeout as pause } from 'node:timers/promises'
import { request } from '../admin/request.ts'
import { exists } from '../supervisor/process-table.ts'
import { ask } from './client.ts'
import { CommandError } from './fail.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

/** Lets a new process, of the code that lies on the disk now, take over, and waits until it has. */
export async function runUpgrade(options: GlobalOptions): Promise<number> {
  const state = await findState(options)
  const { pid } = await ask<{ pid: number }>(state, 'POST', '/upgrade')
  // From another container it cannot be seen; then only time tells.
  const isSeen = exists(pid)
  const until = performance.now() + patience
  while (performance.now() < until) {
    await pause(50)
    const now = await ownerOf(state)
    // It stays for as long as what it started, and tries it a second time.
    if (now === null && isSeen && !exists(pid)) {
      throw new CommandError(
        `The new gateway ended while it took over, and PID ${pid} with it: its log says why. Start one with: quaymaster up`,
      )
    }
    if (now === null || now === pid) continue
    process.stdout.write(`Quaymaster goes on as PID ${now}; PID ${pid} finishes what it has begun.\n`)
    return 0
  }
  throw new CommandError(`No new gateway has taken over from PID ${pid} within ${patience / 1_000} s.`)
}

const patience = 60_000

async function ownerOf(state: string): Promise<number | null> {
  try {
    const { text } = await request(state, 'GET', '/status', { timeout: 5_000 })
    return (JSON.parse(text) as { pid?: number }).pid ?? null
  } catch {
    return null
  }
}
