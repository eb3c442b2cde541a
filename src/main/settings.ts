import type { Config } from '../config/complete.ts'
import type { UserAppConfig } from '../config/config.ts'
import { loadConfig, type LoadOptions } from '../config/load.ts'
import { parseManifest } from '../config/manifest.ts'
import { formatProblems } from '../config/problem.ts'
import { settingsFor } from '../config/settings.ts'
import type { UpOptions } from '../lib/running.ts'
import { StartError } from '../lib/start-error.ts'
import type { Settings } from '../supervisor/discover.ts'

/** What the intake needs to know of the configuration. */
export function settingsOf(config: Config): Settings {
  return {
    declared: Object.keys(config.apps),
    settingsFor: (name, manifest, folder) => settingsFor(config, name, manifest as UserAppConfig | undefined, folder),
    parseManifest: (text, file) => {
      const parsed = parseManifest(text, file)
      return parsed.ok ? parsed : { ok: false, reason: formatProblems(parsed.problems, config.root) }
    },
  }
}

/** Which configuration the command line asks for, and what it says over it. */
export function loadRequest(options: UpOptions): LoadOptions {
  const { cwd, config, apps, host, port, adminPort, stateDir, workers } = options
  return { cwd, file: config, overrides: { apps, host, port, adminPort, state: stateDir, workers } }
}

/** Throws a StartError when a gateway could not be started with this configuration. */
export async function checkConfig(options: UpOptions): Promise<void> {
  const loaded = await loadConfig(loadRequest(options))
  if (!loaded.ok) throw new StartError(formatProblems(loaded.problems, options.cwd), 2)
  const before = options.inherited?.stateDir
  const { stateDir } = loaded.config
  // What runs is on file there and nowhere else: all of it would be started a second time.
  if (before !== undefined && before !== stateDir) {
    throw new StartError(
      `stateDir is ${stateDir} now, but what runs is on file in ${before}: an upgrade cannot move it. Put it back, or stop the gateway and start it again.`,
      2,
    )
  }
}
