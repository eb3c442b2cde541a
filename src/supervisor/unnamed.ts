import path from 'node:path'
import type { AppSettings } from '../model/settings.ts'
import type { Settings } from './discover.ts'
import { shown, typed } from './display.ts'
import { refusal, sourceOf, type Bench, type Refusal } from './judge.ts'
import { appName } from './names.ts'
import type { Sight } from './sight.ts'

/** Refuses an entry whose name is impossible or belongs to the entry `owner`; `key` is what it is listed under. */
export function refuseUnowned(
  { appsDir, config }: Bench,
  entry: string,
  key: string,
  sight: Exclude<Sight, { kind: 'missing' | 'special' }>,
  owner: string | undefined,
): Refusal {
  const named = appName(entry, sight.kind === 'folder')
  const source = sourceOf(appsDir, entry, sight.kind === 'astray' ? undefined : sight)
  const settings = unnamedSettings(key, config)
  if (named.ok) return refusal(settings, source, collision(appsDir, entry, named.name, owner))
  return refusal(
    settings,
    source,
    sight.kind === 'astray' ? sight.reason : impossible(appsDir, entry, named.suggestion),
  )
}

function collision(appsDir: string, entry: string, app: string, owner: string | undefined): string {
  const by = owner === undefined ? 'another app' : shown(path.join(appsDir, owner))
  return `${shown(path.join(appsDir, entry))} is not run: the name ${app} is taken by ${by}; rename or remove one of them`
}

/** Names a good name, and what to type to get there. */
function impossible(appsDir: string, entry: string, suggestion: string): string {
  const move = `mv ${typed(path.join(appsDir, entry))} ${typed(path.join(appsDir, suggestion))}`
  return `its name cannot be a host name: use lower-case letters, digits and hyphens, at most 63; for example: ${move}`
}

/** Settings for what has no name of its own: complete, and reachable by nobody. */
function unnamedSettings(key: string, config: Settings): AppSettings {
  let stand = 'unnamed'
  while (config.declared.includes(stand)) stand += '-'
  const settings = config.settingsFor(stand)
  const route = { ...settings.route, path: `/${encodeURIComponent(key.toWellFormed())}`, hosts: [] }
  return { ...settings, name: key, route }
}
