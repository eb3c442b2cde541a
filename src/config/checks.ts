import { existsSync } from 'node:fs'
import { parseDuration } from '../lib/duration.ts'
import { hosts, readRoutePath } from './app-fields.ts'
import type { Config } from './complete.ts'
import { finding, show, type Finding, type Key } from './finding.ts'
import { suggest } from './suggest.ts'

/**
 * What is wrong between fields rather than within one. Asked of the value as it was written, and bearing anything, so
 * that these are told together with the fields' own findings and not one edit later.
 */
export function checkWhole(raw: unknown): Finding[] {
  const apps = Object.entries(objectAt(raw, 'apps'))
  return [
    ...checkNames(apps.map(([name]) => name)),
    ...checkRoutes(apps),
    ...apps.flatMap(([name, app]) => checkApp(['apps', name], app, at(raw, 'defaults'))),
    ...checkApp(['defaults'], at(raw, 'defaults'), null),
    ...checkTokens(at(raw, 'auth', 'tokens')),
    ...checkPorts(raw),
  ]
}

/** What is odd but may be meant: one sentence each. */
export function warningsOf(config: Config): string[] {
  const names = Object.keys(config.apps)
  const unknown = config.auth.tokens.flatMap((token) => {
    // An app that lies in apps/ needs no entry in the configuration, so only a near miss says something.
    const near = (token.apps ?? []).filter((app) => !names.includes(app) && suggest(app, names) !== null)
    return near.map((app) => {
      const meant = suggest(app, names)
      return `The token ${token.name} is for the app ${app}, which the configuration does not name. Did you mean ${meant}?`
    })
  })
  const missing = [['defaults', config.defaults] as const, ...Object.entries(config.apps)].flatMap(([name, layer]) => {
    const absent = (layer.envFile ?? []).filter((file) => !existsSync(file))
    return absent.map((file) => `The env file ${file} of ${name} does not exist; apps start without it.`)
  })
  return [...unknown, ...missing]
}

function checkNames(names: readonly string[]): Finding[] {
  const wrong = names.filter((name) => !isAppName(name))
  return wrong.map((name) => finding(['apps', name], 'is not a possible name of an app', { allowed: nameForm }))
}

function isAppName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
}

const nameForm = 'lower-case letters, digits and -, at most 63, beginning and ending with a letter or digit'

function checkRoutes(apps: readonly (readonly [string, unknown])[]): Finding[] {
  const findings: Finding[] = []
  const owners = new Map<string, string>()
  const claim = (route: string, app: string, key: Key): void => {
    const owner = owners.get(route)
    if (owner === undefined) owners.set(route, app)
    else if (owner !== app) {
      findings.push(finding(['apps', app, key], `is ${show(route)}, which already leads to the app ${owner}`))
    }
  }
  // First what apps have by their names, so that a conflict is reported at the field that can be changed.
  for (const [name, app] of apps) {
    claim(`${name}.localhost`, name, 'host')
    if (at(app, 'path') === undefined) claim(`/${name}`, name, 'path')
  }
  for (const [name, app] of apps) {
    const path = at(app, 'path') === undefined ? null : readRoutePath(at(app, 'path'))
    if (path?.ok) claim(path.value, name, 'path')
    for (const host of hosts().safeParse(at(app, 'host')).data ?? []) claim(host, name, 'host')
  }
  return findings
}

function checkApp(path: readonly Key[], app: unknown, defaults: unknown): Finding[] {
  const findings: Finding[] = []
  if (at(app, 'target') !== undefined && at(app, 'command') !== undefined) {
    const reason = 'cannot be set together with command: an app is either run or only relayed to'
    findings.push(finding([...path, 'target'], reason))
  }
  if (at(app, 'target') !== undefined) {
    const idle = ['limits', 'replay'].filter((key) => at(app, key) !== undefined)
    const reason = 'is not for an app with target: it is relayed to, not run'
    findings.push(...idle.map((key) => finding([...path, key], reason)))
  }
  const streams = delay(app, defaults, 'stop', 'streams', 0)
  const drain = delay(app, defaults, 'stop', 'drain', 10_000)
  if (streams !== null && drain !== null && streams > drain && at(app, 'stop') !== undefined) {
    const key = at(app, 'stop', 'streams') === undefined ? 'drain' : 'streams'
    const reason = `makes streams end (within ${streams}ms) after the drain is over (${drain}ms)`
    findings.push(finding([...path, 'stop', key], reason))
  }
  const min = delay(app, defaults, 'restart', 'min', 100)
  const max = delay(app, defaults, 'restart', 'max', 30_000)
  if (min !== null && max !== null && min > max && at(app, 'restart') !== undefined) {
    const key = at(app, 'restart', 'max') === undefined ? 'min' : 'max'
    findings.push(
      finding([...path, 'restart', key], `makes the first delay (${min}ms) longer than the longest (${max}ms)`),
    )
  }
  return findings
}

function delay(app: unknown, defaults: unknown, group: string, key: string, otherwise: number): number | null {
  const written = at(app, group, key) ?? at(defaults, group, key)
  if (written === undefined) return otherwise
  const parsed = parseDuration(written)
  return parsed.ok ? parsed.value : null
}

function checkTokens(tokens: unknown): Finding[] {
  const list: readonly unknown[] = Array.isArray(tokens) ? tokens : []
  return list.flatMap((token, index) => {
    const same = (key: string): boolean => {
      const value = at(token, key)
      return typeof value === 'string' && list.slice(0, index).some((other) => at(other, key) === value)
    }
    const path = ['auth', 'tokens', index]
    const apps: unknown = at(token, 'apps')
    const impossible = (Array.isArray(apps) ? (apps as readonly unknown[]) : []).flatMap((app, i) => {
      if (typeof app !== 'string' || isAppName(app)) return []
      const more = { received: show(app), allowed: nameForm }
      return [finding([...path, 'apps', i], 'is not a possible name of an app', more)]
    })
    return [
      ...(same('name')
        ? [finding([...path, 'name'], 'is the name of another token too', { received: show(at(token, 'name')) })]
        : []),
      ...(same('sha256')
        ? [finding([...path, 'sha256'], 'is the digest of another token too, so whose it is cannot be told')]
        : []),
      ...impossible,
    ]
  })
}

function checkPorts(raw: unknown): Finding[] {
  const main = at(raw, 'listen', 'port') ?? 8080
  const admin = at(raw, 'admin', 'port') ?? 8081
  if (main !== admin || main === 0 || typeof main !== 'number') return []
  const key = at(raw, 'admin', 'port') === undefined ? 'listen' : 'admin'
  const other = key === 'listen' ? 'admin' : 'listen'
  const reason = `is the port of ${other} too; they are two listeners: change it or ${other}.port, or take 0 for a free port`
  return [finding([key, 'port'], reason, { received: show(main) })]
}

function objectAt(value: unknown, key: string): object {
  const found = at(value, key)
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? found : {}
}

/** The value at a path of own keys, or undefined when there is no such path. */
function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined
    return (inner as Record<string, unknown>)[key]
  }, value)
}
