import type { Verb } from '../admin/control.ts'
import { ask } from './client.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

/** `start`, `stop` and `restart`: waits for what comes of it. */
export async function runVerb(verb: Verb, app: string, options: GlobalOptions): Promise<number> {
  const state = await findState(options)
  const outcome = await ask<{ app: string; state: string }>(state, 'POST', `/apps/${encodeURIComponent(app)}/${verb}`)
  process.stdout.write(`${outcome.app} is ${outcome.state}.\n`)
  return 0
}
