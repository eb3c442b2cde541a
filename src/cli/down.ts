import { setTimeout as pause } from 'node:timers/promises'
import { request } from '../admin/request.ts'
import type { StatusDocument } from '../model/status.ts'
import { ask } from './client.ts'
import { CommandError } from './fail.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

/** Stops the gateway and waits for its end; says once a second what it waits for. */
export async function runDown(options: GlobalOptions): Promise<number> {
  const state = await findState(options)
  const { pid } = await ask<{ pid: number }>(state, 'POST', '/down')
  const began = performance.now()
  let told = began
  while (await isAnswering(state)) {
    const now = performance.now()
    if (now - began > patience) {
      throw new CommandError(
        `Quaymaster (PID ${pid}) is still stopping after ${patience / 1000} s. It goes on; quaymaster status shows where it is.`,
      )
    }
    if (now - told >= 1_000) {
      told = now
      const waiting = await waitingFor(state)
      if (waiting.length > 0) process.stderr.write(`waiting for: ${waiting.join(', ')}\n`)
    }
    await pause(50)
  }
  process.stdout.write(`Quaymaster (PID ${pid}) has stopped.\n`)
  return 0
}

/** Longer than drain and grace together are by default; who configures more can wait by other means. */
const patience = 120_000

async function isAnswering(state: string): Promise<boolean> {
  return request(state, 'GET', '/version', { timeout: 5_000 }).then(
    () => true,
    // It is over when there is no socket any more; a gateway that is only slow still counts.
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED',
  )
}

async function waitingFor(state: string): Promise<readonly string[]> {
  try {
    const { text } = await request(state, 'GET', '/status', { timeout: 5_000 })
    return (JSON.parse(text) as Partial<StatusDocument>).waitingFor ?? []
  } catch {
    return []
  }
}
