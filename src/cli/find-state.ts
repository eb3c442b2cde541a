import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { GlobalOptions } from './global-options.ts'

/** The state folder that a command is about: as given, as configured, or `.quaymaster` in this folder. */
export async function findState({ state, config }: GlobalOptions): Promise<string> {
  if (state !== undefined) return resolve(state)
  const usual = resolve('.quaymaster')
  // Loading a configuration loads all that it is checked with; without one there is nothing to ask.
  if (config === undefined && !configNames.some((name) => existsSync(name))) return usual
  const { loadConfig } = await import('../config/load.ts')
  const loaded = await loadConfig({ cwd: process.cwd(), ...(config === undefined ? {} : { file: config }) })
  if (loaded.ok) return loaded.config.stateDir
  if (config === undefined) {
    // A mistake that was just made in the file must not keep anybody from asking the gateway that still runs.
    return usual
  }
  const { CommandError } = await import('./fail.ts')
  const { formatProblems } = await import('../config/problem.ts')
  throw new CommandError(formatProblems(loaded.problems), 2)
}

const configNames = ['ts', 'mts', 'js', 'mjs', 'json'].map((extension) => `gateway.config.${extension}`)
