import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config } from '../config/complete.ts'
import type { GlobalOptions } from './global-options.ts'
import { refuseExit } from './refuse-exit.ts'

/** The state folder that a command is about: as given, as configured, or `.quaymaster` in this folder. */
export async function findState({ state, config }: GlobalOptions): Promise<string> {
  if (state !== undefined) return resolve(state)
  return (await findConfig(config))?.stateDir ?? resolve('.quaymaster')
}

/** The configuration that `up` would take here; null when there is none, or none that could be read. */
export async function findConfig(file: string | undefined): Promise<Config | null> {
  // Loading a configuration loads all that it is checked with; without one there is nothing to ask.
  if (file === undefined && !configNames.some((name) => existsSync(name))) return null
  const { loadConfig } = await import('../config/load.ts')
  using _ = refuseExit()
  const loaded = await loadConfig({ cwd: process.cwd(), ...(file === undefined ? {} : { file }) })
  if (loaded.ok) return loaded.config
  // A mistake that was just made in the file must not keep anybody from asking the gateway that still runs.
  if (file === undefined) return null
  const { CommandError } = await import('./fail.ts')
  const { formatProblems } = await import('../config/problem.ts')
  throw new CommandError(formatProblems(loaded.problems), 2)
}

const configNames = ['ts', 'mts', 'js', 'mjs', 'json'].map((extension) => `gateway.config.${extension}`)
