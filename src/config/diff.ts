import { formatDuration } from '../lib/duration.ts'
import { type Config, defaultTimeouts } from './complete.ts'

/** One sentence for each field that a new configuration changes and that only counts from the next start on. */
export function describeChanges(running: Config, wanted: Config): string[] {
  const changed = fixed.filter(({ of }) => of(running) !== of(wanted))
  return changed.map(({ field, of }) => {
    return `${field} changed from ${of(running)} to ${of(wanted)}; it stays ${of(running)} until the gateway is restarted.`
  })
}

/**
 * The new configuration as far as a running gateway can take it: `auth`, `log`, `defaults` and `apps`. The rest stays
 * as it is, so that whoever reads the result sees what is really the case, and `describeChanges` keeps saying so.
 */
export function takeOver(running: Config, wanted: Config): Config {
  const { listen, admin, appsDir, stateDir, workers, guard, starts } = running
  return Object.freeze({ ...wanted, listen, admin, appsDir, stateDir, workers, guard, starts })
}

const fixed: readonly { readonly field: string; readonly of: (config: Config) => string | number }[] = [
  { field: 'listen.host', of: (config) => config.listen.host },
  { field: 'listen.port', of: (config) => config.listen.port },
  { field: 'listen.trustedProxies', of: (config) => `[${config.listen.trustedProxies.join(', ')}]` },
  ...Object.keys(defaultTimeouts).map((name) => ({
    field: `listen.timeouts.${name}`,
    of: ({ listen }: Config) => {
      const value = listen.timeouts[name as keyof typeof defaultTimeouts]
      return name === 'bodyRate' ? value : formatDuration(value)
    },
  })),
  { field: 'admin.host', of: (config) => config.admin.host },
  { field: 'admin.port', of: (config) => config.admin.port },
  { field: 'appsDir', of: (config) => config.appsDir },
  { field: 'stateDir', of: (config) => config.stateDir },
  { field: 'workers', of: (config) => config.workers },
  { field: 'guard.grace', of: ({ guard }) => (guard.grace === null ? 'false' : formatDuration(guard.grace)) },
  { field: 'starts.parallel', of: (config) => config.starts.parallel },
]
