import { describeChanges, takeOver } from '../config/diff.ts'
import type { Config } from '../config/complete.ts'
import { loadConfig, type LoadOptions } from '../config/load.ts'
import { formatProblems } from '../config/problem.ts'

export interface Reloading {
  readonly request: LoadOptions
  /** What runs now. */
  readonly running: Config
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
  /** Gives the parts what has changed. */
  readonly apply: (config: Config) => Promise<void>
}

/** Reads the configuration again, each time it is called; resolves with the files to watch from now on. */
export function reloader({ request, running, notice, apply }: Reloading): () => Promise<readonly string[]> {
  let current = running
  return async () => {
    const loaded = await loadConfig(request)
    if (!loaded.ok) {
      notice('error', `The configuration was not applied, the running one stays:\n${formatProblems(loaded.problems)}`)
      return loaded.watch
    }
    for (const message of [...loaded.warnings, ...describeChanges(current, loaded.config)]) notice('warn', message)
    current = takeOver(current, loaded.config)
    await apply(current)
    notice('info', 'The configuration was applied.')
    return loaded.watch
  }
}
